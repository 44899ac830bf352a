import { type Bench, inTurn, perSecond, stepsInTurn } from './bench.ts'
import { ingest } from './mappings.ts'
import { startPostgres } from './postgres.ts'
import { ABSENT, RIVALS, startRival } from './rivals.ts'
import { startServer } from './server.ts'

const MAPPINGS = 100_000
const POLL_MS = 5

/** How fast Sluice itself is around PostgreSQL, beside others that keep their jobs durably. */
export const postgresEngine: Bench = {
  name: 'postgres-engine',
  what: 'As engine, stored in PostgreSQL.',
  reference:
    'The same mappings, a job each, by what each documents as its fastest durable way: graphile-worker (addJobs, local queue, batched completion) and pg-boss (insert, fetch and complete in batches) on the same PostgreSQL, BullMQ (addBulk, 500 jobs at a time) on a Redis that syncs every write.',
  steps: stepsInTurn(1 + RIVALS.length),

  async run(step) {
    await using leftovers = new AsyncDisposableStack()
    const postgres = leftovers.use(await startPostgres())
    const { api } = leftovers.use(
      await startServer({
        DATABASE_URL: await postgres.database('sluice'),
        SLUICE_SIMULATED_LATENCY: '0ms',
        SLUICE_SIMULATED_SUCCESS_RATE: '1',
      }),
    )
    const body = ingest(MAPPINGS)

    async function sluice(): Promise<number> {
      const startedAt = performance.now()
      await api.finished(await api.post(body), POLL_MS)
      return perSecond(MAPPINGS, performance.now() - startedAt)
    }

    const rivals: (() => Promise<number>)[] = []
    for (const rival of RIVALS) {
      const ask = await startRival(rival, postgres, leftovers)
      rivals.push(async () => perSecond(MAPPINGS, await ask({ count: MAPPINGS })))
    }

    const [ours = [], ...theirs] = await inTurn([sluice, ...rivals], step)
    const compared = RIVALS.map(({ name }, place) => ({
      kind: 'comparison' as const,
      what: `to the last durable result, beside ${name}`,
      unit: 'mappings/s',
      samples: { sluice: ours, reference: theirs[place] ?? [] },
      target: 10,
      enough: 100_000,
    }))
    return [...compared, ...ABSENT]
  },
}
