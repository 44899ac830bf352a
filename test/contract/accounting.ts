import fc from 'fast-check'
import { PRIORITIES } from '../../src/core/mapping.ts'
import { Life, type Manner, type Next, type Step } from './life.ts'
import type { Promises } from './store.contract.ts'

/** What holds at every commit, whatever the workers do and whatever becomes of them. */
export const accounting = {
  async 'whatever happens, all that was taken in is accounted for, once'(store) {
    let runs = 0
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 5, maxLength: 40 }), async (steps) => {
        runs += 1
        const life = new Life(store, `lane-${runs}`)
        await life.start()
        for (const step of steps) {
          await life.take(step)
          await life.check()
        }
        await life.end()
      }),
      { numRuns: 100 },
    )
  },
} satisfies Promises

const anyWorker = fc.nat({ max: 1 })
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('insert' as const),
      total: fc.integer({ min: 1, max: 12 }),
      priority: fc.constantFrom(...PRIORITIES),
      expiresIn: fc.option(fc.integer({ min: 0, max: 5000 })),
      manner: fc.constantFrom<Manner>('whole', 'whole', 'early', 'pieces', 'interrupted'),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('claim' as const),
      worker: anyWorker,
      mappings: fc.integer({ min: 1, max: 10 }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('settle' as const),
      lease: fc.nat(),
      completing: fc.nat({ max: 3 }),
      failing: fc.nat({ max: 3 }),
      next: fc.constantFrom<Next>('leased', 'ready', 'waiting', 'done', 'done'),
    }),
  },
  fc.record({ kind: fc.constant('cancel' as const), request: fc.nat() }),
  fc.record({ kind: fc.constant('close' as const) }),
  fc.record({ kind: fc.constant('die' as const), worker: anyWorker }),
  fc.record({ kind: fc.constant('leave' as const), worker: anyWorker }),
  fc.record({ kind: fc.constant('wait' as const) }),
)
