import { setTimeout } from 'node:timers/promises'
import type { Bench } from './bench.ts'
import { startPostgres, withClient } from './postgres.ts'
import { startServer, startWorker } from './server.ts'

const NODES = 4
const CALM_DOWN_MS = 5000
const WATCHED_MS = 10_000
const WATCHES = 5

/** Counts every statement of anybody, in whatever protocol; the look at it counts itself not yet. */
const COUNT = 'SELECT sum(calls)::int AS calls FROM pg_stat_statements'

/** What nodes that have nothing to do cost the database that they share. */
export const postgresIdle: Bench = {
  name: 'postgres-idle',
  what: `${NODES} nodes around one PostgreSQL, one of them with the API, left alone; every statement counts.`,
  reference: null,
  steps: NODES + WATCHES,

  async run(step) {
    await using leftovers = new AsyncDisposableStack()
    const postgres = leftovers.use(
      await startPostgres('shared_preload_libraries=pg_stat_statements'),
    )
    await withClient(postgres.url, (client) => client.query('CREATE EXTENSION pg_stat_statements'))
    const settings = { DATABASE_URL: postgres.url }
    leftovers.use(await startServer(settings))
    step()
    for (let started = 1; started < NODES; started++) {
      leftovers.use(await startWorker(settings))
      step()
    }
    await setTimeout(CALM_DOWN_MS)

    const samples: number[] = []
    for (let watch = 0; watch < WATCHES; watch++) {
      samples.push((await statementsPerSecond(postgres.url)) / NODES)
      step()
    }
    const what = 'a node sends while idle'
    return [{ kind: 'measurement', what, unit: 'statements/s', samples, percentile: 50, target: 2 }]
  },
}

/** How many statements a second come in while it watches. */
function statementsPerSecond(url: string): Promise<number> {
  return withClient(url, async (client) => {
    async function count(): Promise<number> {
      const { rows } = await client.query<{ calls: number }>(COUNT)
      return rows[0]?.calls ?? 0
    }

    const before = await count()
    const startedAt = performance.now()
    await setTimeout(WATCHED_MS)
    // The look before is the one statement that is not theirs.
    const sent = (await count()) - before - 1
    return (sent / (performance.now() - startedAt)) * 1000
  })
}
