import { openSqliteStore } from '../src/store/sqlite/store.ts'
import type { Bench } from './bench.ts'
import { BATCH_SIZE, compareFilled, comparingSteps, type Filling } from './filled-store.ts'
import { scratchDirectory } from './leftovers.ts'

const LARGE: Filling = { waiting: 1_000_000, finished: 1_000_000, each: 100_000 }
const SMALL: Filling = { waiting: 10_000, finished: 10_000, each: 1000 }

/** Whether the store grows slower with what it holds. */
export const backlog: Bench = {
  name: 'backlog',
  what: `Claiming and settling batches of ${BATCH_SIZE} in the store, while 1,000,000 mappings wait and 1,000,000 are finished.`,
  reference: 'The same, while 10,000 wait and 10,000 are finished.',
  steps: comparingSteps(LARGE, SMALL),

  async run(step) {
    await using leftovers = new AsyncDisposableStack()

    async function filledWith(filling: Filling) {
      const { path: dataDir } = leftovers.use(scratchDirectory())
      const store = await openSqliteStore({ dataDir })
      leftovers.defer(() => store.close())
      return { store, filling }
    }

    const samples = await compareFilled(await filledWith(LARGE), await filledWith(SMALL), step)
    const what = 'claimed and settled'
    return [{ kind: 'comparison', what, unit: 'mappings/s', samples, target: 0.8 }]
  },
}
