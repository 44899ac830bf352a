import { openPostgresStore } from '../src/store/postgres/store.ts'
import type { Bench } from './bench.ts'
import { BATCH_SIZE, compareFilled, comparingSteps, type Filling } from './filled-store.ts'
import { startPostgres } from './postgres.ts'

const LARGE: Filling = { waiting: 10_000_000, finished: 10_000_000, each: 100_000 }
const SMALL: Filling = { waiting: 10_000, finished: 10_000, each: 1000 }
const CONNECTIONS = 5

/** Whether PostgreSQL grows slower with what it holds. */
export const postgresBacklog: Bench = {
  name: 'postgres-backlog',
  what: `As backlog, in PostgreSQL: batches of ${BATCH_SIZE}, while 10,000,000 mappings wait and 10,000,000 are finished.`,
  reference: 'The same in a database of its own, while 10,000 wait and 10,000 are finished.',
  steps: comparingSteps(LARGE, SMALL),

  async run(step) {
    await using leftovers = new AsyncDisposableStack()
    const postgres = leftovers.use(await startPostgres())

    async function filledWith(filling: Filling, name: string) {
      const url = await postgres.database(name)
      const options = { url, listenUrl: null, connections: CONNECTIONS, migrate: true }
      const store = await openPostgresStore(options)
      leftovers.defer(() => store.close())
      return { store, filling }
    }

    const large = await filledWith(LARGE, 'large')
    const samples = await compareFilled(large, await filledWith(SMALL, 'small'), step)
    const what = 'claimed and settled'
    return [{ kind: 'comparison', what, unit: 'mappings/s', samples, target: 0.8 }]
  },
}
