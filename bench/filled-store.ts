import { batchSize } from '../src/core/batch.ts'
import { NO_TERMS } from '../src/core/request.ts'
import type { Standing } from '../src/core/verdict.ts'
import { batchesOf } from '../src/intake/batches.ts'
import { newId } from '../src/lib/random.ts'
import type { ClaimedBatch, Settlement, Store } from '../src/store/store.ts'
import { interleave, type Pairs, perSecond, type Step, stepsInTurn } from './bench.ts'
import { mappings, TARGET } from './mappings.ts'

/** What a request of 100,000 mappings has by itself. */
export const BATCH_SIZE = 100
const CLAIM = 1000
/** So much is worked off before what is missing is handed in again, so many times for one sample. */
const DRAWN = 5000
const DRAWS = 40
const DAY_MS = 86_400_000
const WORKER = 'bench'

/** How many mappings wait in a store, how many are finished, and how many each request holds. */
export interface Filling {
  readonly waiting: number
  readonly finished: number
  readonly each: number
}

/** How many steps it takes to fill two stores and to compare them. */
export function comparingSteps(...fillings: readonly Filling[]): number {
  const requests = fillings.reduce((sum, { finished, each }) => sum + finished / each, 0)
  return requests + fillings.length + stepsInTurn(fillings.length)
}

/** Measures claims and settlements in one filled store beside another, in mappings a second. */
export async function compareFilled(
  measured: { readonly store: Store; readonly filling: Filling },
  reference: { readonly store: Store; readonly filling: Filling },
  step: Step,
): Promise<Pairs> {
  const ours = await fill(measured.store, measured.filling, step)
  const theirs = await fill(reference.store, reference.filling, step)
  return await interleave(ours, theirs, step)
}

/** Fills a store; gives what measures it, and leaves it as full as before. */
async function fill(
  store: Store,
  { waiting, finished, each }: Filling,
  step: Step,
): Promise<() => Promise<number>> {
  await store.join({ id: WORKER, host: 'bench' }, Date.now() + DAY_MS)
  for (let done = 0; done < finished; done += each) {
    await insert(store, each)
    await workOff(store, each)
    step()
  }

  let there = 0
  /** Hands in whole requests, so that the store keeps its shape. */
  async function fillUp(): Promise<void> {
    for (; there + each <= waiting; there += each) await insert(store, each)
  }
  await fillUp()
  step()

  return async () => {
    let elapsed = 0
    for (let draw = 0; draw < DRAWS; draw++) {
      const startedAt = performance.now()
      await workOff(store, DRAWN)
      elapsed += performance.now() - startedAt
      there -= DRAWN
      await fillUp()
    }
    return perSecond(DRAWS * DRAWN, elapsed)
  }
}

/**
 * Hands in one request of so many mappings, in batches as Sluice chooses them, and completes it.
 *
 * @returns its id
 */
export async function finishedRequest(store: Store, total: number): Promise<string> {
  await store.join({ id: WORKER, host: 'bench' }, Date.now() + DAY_MS)
  const id = await insert(store, total, batchSize(total, null))
  await workOff(store, total)
  await store.leave(WORKER)
  return id
}

async function insert(store: Store, total: number, size = BATCH_SIZE): Promise<string> {
  const now = Date.now()
  const id = newId(now)
  await store.insert({
    id,
    tenant: 'default',
    priority: 'MEDIUM',
    metadata: {},
    terms: NO_TERMS,
    createdAt: now,
    total,
    sources: {},
    batches: [...batchesOf(mappings(total), size)],
    idempotency: null,
  })
  return id
}

/** Claims and settles so many of the mappings that wait. */
async function workOff(store: Store, total: number): Promise<void> {
  let turn = 0
  for (let settled = 0; settled < total; ) {
    const now = Date.now()
    const want = { lane: TARGET, mappings: CLAIM, below: null, turn }
    const { batches } = await store.claim(WORKER, [want], now)
    if (batches.length === 0) throw new Error('The store gives out nothing, though mappings wait.')
    await store.settle(batches.map(completed), now)
    turn += batches.length
    settled += batches.reduce((sum, { ordinals }) => sum + ordinals.count, 0)
  }
}

function completed({ id, token, ordinals: { count } }: ClaimedBatch): Settlement {
  const standing: Standing = ['completed', 1, Date.now(), 48, {}]
  const verdicts = JSON.stringify(Array.from({ length: count }, () => standing))
  const next = { state: 'done' } as const
  const counts = { completed: count, failed: 0, cancelled: 0, failures: [] }
  return { batch: id, token, verdicts, ...counts, callback: false, next }
}
