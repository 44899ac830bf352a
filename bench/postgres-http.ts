import { BESIDE_BARE_LOOP, besideBareLoop } from './bare-loop.ts'
import { type Bench, INTERLEAVED_STEPS } from './bench.ts'
import { startPostgres } from './postgres.ts'

/** How much is left of what a bare HTTP client can do, where PostgreSQL shares the machine. */
export const postgresHttp: Bench = {
  name: 'postgres-http',
  what: 'As http, stored in PostgreSQL.',
  reference: BESIDE_BARE_LOOP.reference,
  steps: INTERLEAVED_STEPS,

  async run(step) {
    await using postgres = await startPostgres()
    const { samples } = await besideBareLoop({ DATABASE_URL: postgres.url }, step)
    const what = 'from the POST to the last answer'
    return [{ kind: 'comparison', what, unit: 'mappings/s', samples, target: 0.65 }]
  },
}
