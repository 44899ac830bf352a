import type { Standing } from '../src/core/verdict.ts'
import { batchesOf } from '../src/intake/batches.ts'
import { newId } from '../src/lib/random.ts'
import { openSqliteStore } from '../src/store/sqlite/store.ts'
import type { ClaimedBatch, Settlement, Store } from '../src/store/store.ts'
import { type Bench, INTERLEAVED_STEPS, interleave, perSecond, type Step } from './bench.ts'
import { scratchDirectory } from './leftovers.ts'
import { mappings, TARGET } from './mappings.ts'

const LARGE = 1_000_000
const SMALL = 10_000
/** How many requests wait, and how many are finished, in either store. */
const REQUESTS = 10
/** What a request of 100,000 mappings has by itself. */
const BATCH_SIZE = 100
const CLAIM = 1000
/** So much is worked off before what is missing is handed in again, so many times for one sample. */
const DRAWN = 5000
const DRAWS = 40
const DAY_MS = 86_400_000

/** Whether the store grows slower with what it holds. */
export const backlog: Bench = {
  name: 'backlog',
  what: `Claiming and settling batches of ${BATCH_SIZE} in the store, while 1,000,000 mappings wait and 1,000,000 are finished.`,
  reference: 'The same, while 10,000 wait and 10,000 are finished.',
  steps: 2 * (REQUESTS + 1) + INTERLEAVED_STEPS,

  async run(step) {
    await using large = await filledStore(LARGE, step)
    await using small = await filledStore(SMALL, step)
    const samples = await interleave(
      () => large.claimAndSettleRate(),
      () => small.claimAndSettleRate(),
      step,
    )
    const what = 'claimed and settled'
    return [{ kind: 'comparison', what, unit: 'mappings/s', samples, target: 0.8 }]
  },
}

/** A store in a file, in which so many mappings wait and as many are finished. */
async function filledStore(total: number, step: Step) {
  const directory = scratchDirectory()
  const store = await openSqliteStore({ dataDir: directory.path })
  await store.join({ id: WORKER, host: 'bench' }, Date.now() + DAY_MS)
  const each = total / REQUESTS
  let waiting = 0
  for (let finished = 0; finished < REQUESTS; finished++) {
    await insert(store, each)
    await workOff(store, each)
    step()
  }

  /** Hands in whole requests, so that the store keeps its shape. */
  async function fillUp(): Promise<void> {
    for (; waiting + each <= total; waiting += each) await insert(store, each)
  }
  await fillUp()
  step()

  return {
    async claimAndSettleRate(): Promise<number> {
      let elapsed = 0
      for (let draw = 0; draw < DRAWS; draw++) {
        const startedAt = performance.now()
        await workOff(store, DRAWN)
        elapsed += performance.now() - startedAt
        waiting -= DRAWN
        await fillUp()
      }
      return perSecond(DRAWS * DRAWN, elapsed)
    },
    async [Symbol.asyncDispose]() {
      await store.close()
      directory[Symbol.dispose]()
    },
  }
}

const WORKER = 'bench'

async function insert(store: Store, total: number): Promise<void> {
  const now = Date.now()
  await store.insert({
    id: newId(now),
    tenant: 'default',
    priority: 'MEDIUM',
    metadata: {},
    createdAt: now,
    total,
    sources: {},
    batches: batchesOf(mappings(total), BATCH_SIZE),
    idempotency: null,
  })
}

/** Claims and settles so many of the mappings that wait. */
async function workOff(store: Store, total: number): Promise<void> {
  for (let settled = 0; settled < total; ) {
    const now = Date.now()
    const want = { lane: TARGET, mappings: CLAIM, below: null, turn: settled / BATCH_SIZE }
    const { batches } = await store.claim(WORKER, [want], now)
    if (batches.length === 0) throw new Error('The store gives out nothing, though mappings wait.')
    await store.settle(batches.map(completed), now)
    settled += batches.length * BATCH_SIZE
  }
}

function completed({ id, token, ordinals: { count } }: ClaimedBatch): Settlement {
  const standing: Standing = ['completed', 1, Date.now(), 48, {}]
  const verdicts = JSON.stringify(Array.from({ length: count }, () => standing))
  const next = { state: 'done' } as const
  return { batch: id, token, verdicts, completed: count, failed: 0, cancelled: 0, next }
}
