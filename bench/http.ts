import { BESIDE_BARE_LOOP, besideBareLoop } from './bare-loop.ts'
import { type Bench, INTERLEAVED_STEPS } from './bench.ts'

/** How much is left of what a bare HTTP client can do, and whether the API stays quick meanwhile. */
export const http: Bench = {
  name: 'http',
  ...BESIDE_BARE_LOOP,
  steps: INTERLEAVED_STEPS,

  async run(step) {
    const { samples, latencies } = await besideBareLoop({}, step)
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
        samples: latencies,
        percentile: 99,
        target: 25,
      },
    ]
  },
}
