import { interleave, type Pairs, perSecond, type Step, WARM_UPS } from './bench.ts'
import { CONCURRENCY, httpSystems } from './http-systems.ts'
import { scratchDirectory } from './leftovers.ts'
import { ingest, PAYLOAD } from './mappings.ts'
import { startPart } from './part.ts'
import type { LoopOrder } from './parts/undici-loop.ts'
import { type Settings, startServer } from './server.ts'

const MAPPINGS = 50_000
const POLL_MS = 20

/** What is measured, and beside what. */
export const BESIDE_BARE_LOOP = {
  what: `50,000 mappings to a plain HTTP target in another process, ${CONCURRENCY} calls at a time.`,
  reference: 'A bare loop of undici pool requests with the same bodies to the same target.',
}

/**
 * Measures deliveries by HTTP beside a bare loop of calls.
 *
 * @returns mappings a second, and how many milliseconds each `GET /status` took meanwhile
 */
export async function besideBareLoop(
  settings: Settings,
  step: Step,
): Promise<{ readonly samples: Pairs; readonly latencies: readonly number[] }> {
  using scratch = scratchDirectory()
  await using target = await startPart('target')
  const systems = httpSystems(scratch.path, target.url)
  await using server = await startServer({ SLUICE_SYSTEMS_FILE: systems, ...settings })
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
      calls: MAPPINGS,
    })
  }

  const samples = await interleave(sluice, reference, step)
  return { samples, latencies: latencies.slice(WARM_UPS).flat() }
}
