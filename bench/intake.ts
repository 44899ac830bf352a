import { type Bench, INTERLEAVED_STEPS, interleave } from './bench.ts'
import { ingest } from './mappings.ts'
import { startPart } from './part.ts'
import type { PostOrder } from './parts/post-loop.ts'
import { startServer } from './server.ts'

const CONNECTIONS = 64
const WARM_UP_MS = 1500
const MEASURED_MS = 3000

/** How many small requests a second are taken, each of them on disk before it is answered. */
export const intake: Bench = {
  name: 'intake',
  what: `Single-mapping POSTs over ${CONNECTIONS} connections.`,
  reference: 'A bare Fastify route with the same schema and the same answer, which stores nothing.',
  steps: INTERLEAVED_STEPS,

  async run(step) {
    await using loop = await startPart<PostOrder, number>('post-loop')

    async function rate(origin: string): Promise<number> {
      const order = { url: `${origin}/ingest`, body: ingest(1), connections: CONNECTIONS }
      await loop.ask({ ...order, elapsedMs: WARM_UP_MS })
      return await loop.ask({ ...order, elapsedMs: MEASURED_MS })
    }

    // Each has the machine to itself: what Sluice has taken it would go on delivering.
    async function sluice(): Promise<number> {
      await using server = await startServer()
      return await rate(server.url)
    }

    async function reference(): Promise<number> {
      await using bare = await startPart('bare-fastify')
      return await rate(bare.url)
    }

    const samples = await interleave(sluice, reference, step)
    const what = 'answered with 202'
    return [{ kind: 'comparison', what, unit: 'requests/s', samples, target: 0.55 }]
  },
}
