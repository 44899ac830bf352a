import { setTimeout } from 'node:timers/promises'
import { type Bench, INTERLEAVED_STEPS, interleave, perSecond } from './bench.ts'
import { httpSystems } from './http-systems.ts'
import { scratchDirectory } from './leftovers.ts'
import { ingest } from './mappings.ts'
import { type Part, startPart } from './part.ts'
import type { CountOrder } from './parts/target.ts'
import { type Postgres, startPostgres } from './postgres.ts'
import { startServer, startWorker } from './server.ts'

const NODES = 4
const TARGET_LATENCY_MS = 50
/** Calls at a time that a node has as its share of the target's limit, however many there are. */
const SHARE = 20
/** Mappings for each node: seven and a half seconds' work. */
const EACH = 3000
/** What of it is measured: neither the start, nor the end, when a node may have no more than its last. */
const SKIPPED_MS = 2000
const MEASURED_MS = 4000
const POLL_MS = 20

/** Whether nodes that are added do as much as those before. */
export const postgresNodes: Bench = {
  name: 'postgres-nodes',
  what: `${NODES} \`sluice worker\` around one PostgreSQL, while work waits for an HTTP target that takes ${TARGET_LATENCY_MS} ms. What is held is the part of a node: the target's limit is ${SHARE} calls at a time for each node, so ${SHARE * NODES} for ${NODES}, which they must share among them and use in full.`,
  reference: `One \`sluice worker\` around a database of its own on the same PostgreSQL, and a limit of ${SHARE} calls at a time.`,
  steps: INTERLEAVED_STEPS,

  async run(step) {
    await using leftovers = new AsyncDisposableStack()
    const postgres = leftovers.use(await startPostgres())
    const target = leftovers.use(
      await startPart<CountOrder, number>('target', String(TARGET_LATENCY_MS)),
    )
    const many = await startNodes(NODES, postgres, target, leftovers)
    const one = await startNodes(1, postgres, target, leftovers)
    const samples = await interleave(many, one, step)
    const what = 'answered by the target'
    return [{ kind: 'comparison', what, unit: 'mappings/s', samples, target: 3.6 }]
  },
}

/** Starts an API and so many workers; gives what measures them. */
async function startNodes(
  nodes: number,
  postgres: Postgres,
  target: Part<CountOrder, number>,
  leftovers: AsyncDisposableStack,
): Promise<() => Promise<number>> {
  const { path } = leftovers.use(scratchDirectory())
  const settings = {
    DATABASE_URL: await postgres.database(`nodes_${nodes}`),
    SLUICE_SYSTEMS_FILE: httpSystems(path, target.url, nodes * SHARE),
  }
  const { api } = leftovers.use(await startServer({ ...settings, SLUICE_ROLE: 'api' }))
  for (let started = 0; started < nodes; started++) leftovers.use(await startWorker(settings))
  const body = ingest(nodes * EACH)
  return async () => {
    const id = await api.post(body)
    await setTimeout(SKIPPED_MS)
    const rate = await answeredPerSecond(target)
    if ((await api.status(id)).finished_at !== null) throw new Error('There was too little work.')
    await api.finished(id, POLL_MS)
    return rate
  }
}

async function answeredPerSecond(target: Part<CountOrder, number>): Promise<number> {
  const before = await target.ask({ count: 'answered' })
  const startedAt = performance.now()
  await setTimeout(MEASURED_MS)
  const after = await target.ask({ count: 'answered' })
  return perSecond(after - before, performance.now() - startedAt)
}
