import { type Bench, INTERLEAVED_STEPS, interleave, perSecond, WARM_UPS } from './bench.ts'
import { CONCURRENCY, httpSystems } from './http-systems.ts'
import { scratchDirectory } from './leftovers.ts'
import { ingest, PAYLOAD } from './mappings.ts'
import { startPart } from './part.ts'
import type { LoopOrder } from './parts/undici-loop.ts'
import { startServer } from './server.ts'

const MAPPINGS = 50_000
const POLL_MS = 20

/** How much is left of what a bare HTTP client can do, and whether the API stays quick meanwhile. */
export const http: Bench = {
  name: 'http',
  what: `50,000 mappings to a plain HTTP target in another process, ${CONCURRENCY} calls at a time.`,
  reference: 'A bare loop of undici pool requests with the same bodies to the same target.',
  steps: INTERLEAVED_STEPS,

  async run(step) {
    using scratch = scratchDirectory()
    await using target = await startPart('target')
    const systems = httpSystems(scratch.path, target.url)
    await using server = await startServer({ SLUICE_SYSTEMS_FILE: systems })
    await using loop = await startPart<LoopOrder, number>('undici-loop')
    const body = ingest(MAPPINGS)
    const latencies: (readonly number[])[] = []

    async function sluice(): Promise<number> {
      const startedAt = performance.now()
      const id = await server.api.post(body)
      latencies.push(await server.api.finished(id, POLL_MS))
      return perSecond(MAPPINGS, performance.now() - startedAt)
    }

    async function reference(): Promise<number> {
      return await loop.ask({
        url: target.url,
        body: JSON.stringify(PAYLOAD),
        connections: CONCURRENCY,
        until: { calls: MAPPINGS },
      })
    }

    const samples = await interleave(sluice, reference, step)
    return [
      {
        kind: 'comparison',
        what: 'from the POST to the last answer',
        unit: 'mappings/s',
        samples,
        target: 0.8,
      },
      {
        kind: 'measurement',
        what: 'for GET /status while it runs',
        unit: 'ms',
        samples: latencies.slice(WARM_UPS).flat(),
        percentile: 99,
        target: 25,
      },
    ]
  },
}
