import type { Bench } from './bench.ts'
import { sharedNow } from './clock.ts'
import { CONCURRENCY, httpSystems } from './http-systems.ts'
import { scratchDirectory } from './leftovers.ts'
import { ingest } from './mappings.ts'
import { startPart } from './part.ts'
import type { Arrival } from './parts/target.ts'
import { startServer } from './server.ts'

const WAITING_REQUESTS = 10
const WAITING_EACH = 100_000
const TARGET_LATENCY_MS = 20
const WARM_UPS = 20
const MEASURED = 200

/** How long something urgent waits behind a huge backlog. */
export const overtake: Bench = {
  name: 'overtake',
  what: `1,000,000 LOW mappings wait for an HTTP target that takes ${TARGET_LATENCY_MS} ms, ${CONCURRENCY} calls at a time; then come single HIGH requests, one after another.`,
  reference: null,
  steps: WAITING_REQUESTS + WARM_UPS + MEASURED,

  async run(step) {
    using scratch = scratchDirectory()
    const args = [String(TARGET_LATENCY_MS), 'urgent']
    await using target = await startPart<never, Arrival>('target', ...args)
    const systems = httpSystems(scratch.path, target.url)
    await using server = await startServer({ SLUICE_SYSTEMS_FILE: systems })

    for (let posted = 0; posted < WAITING_REQUESTS; posted++) {
      await server.api.post(ingest(WAITING_EACH, { priority: 'LOW' }))
      step()
    }

    async function wait(name: string): Promise<number> {
      const body = ingest(1, { name, priority: 'HIGH' })
      const arrival = target.next()
      const startedAt = sharedNow()
      await server.api.post(body)
      return (await arrival).at - startedAt
    }

    const samples: number[] = []
    for (let posted = 0; posted < WARM_UPS + MEASURED; posted++) {
      samples.push(await wait(`urgent_${posted}`))
      step()
    }
    return [
      {
        kind: 'measurement',
        what: 'from the POST to the first outgoing call',
        unit: 'ms',
        samples: samples.slice(WARM_UPS),
        percentile: 99,
        target: 100,
      },
    ]
  },
}
