import { expect } from 'vitest'
import type { EpochMs } from '../../src/core/units.ts'
import type { Store } from '../../src/store/store.ts'
import { done, NOW, type RequestOptions } from '../support/requests.ts'
import {
  allBatches,
  audited,
  claimed,
  claimedOne,
  DAY,
  inserted,
  join,
  listed,
  refused,
  settled,
} from './steps.ts'
import type { Promises } from './store.contract.ts'

/** What sweep promises about old requests: they go wholly, and nothing else goes. */
export const retention = {
  async 'a request that finished too long ago is deleted wholly'(store) {
    await join(store)
    const idempotency = { key: 'key-1', fingerprint: 'f1' }
    const old = await finished(store, NOW, { total: 15, idempotency })
    expect((await store.sweep(NOW + DAY, NOW + 1)).deleted).toBe(1)
    expect(await store.request(old.tenant, old.id)).toBeNull()
    expect(await allBatches(store, old.id)).toEqual([])
    expect(await listed(store)).toEqual([])
    expect(await store.totals()).toEqual({ activeRequests: 0, openMappings: 0 })
    await inserted(store, { idempotency: { key: 'key-1', fingerprint: 'f2' } })
  },

  async 'what has not finished, or not so long ago, stays as it is'(store) {
    await join(store)
    const old = await finished(store, NOW, { total: 5 })
    const recent = await finished(store, NOW + 2 * DAY, { total: 5 })
    const running = await inserted(store, { total: 10, createdAt: NOW - 30 * DAY })
    await claimedOne(store)
    const pending = await inserted(store, { lane: 'erp', createdAt: NOW - 30 * DAY })
    const kept = [recent, running, pending]
    const state = async () => [
      await Promise.all(kept.map((request) => audited(store, request))),
      await Promise.all(kept.map(({ id }) => allBatches(store, id))),
    ]
    const before = await state()
    expect(await store.sweep(NOW + 3 * DAY, NOW + DAY)).toEqual({
      rescued: [],
      repaired: [],
      deleted: 1,
    })
    expect(await state()).toEqual(before)
    expect(await store.request(old.tenant, old.id)).toBeNull()
    expect((await store.sweep(NOW + 3 * DAY, NOW + DAY)).deleted).toBe(0)
  },

  async 'the key of a deleted request never leads to a request made after it'(store) {
    await join(store)
    const idempotency = { key: 'key-1', fingerprint: 'f1' }
    await finished(store, NOW, { tenant: 'ours', idempotency })
    await store.sweep(NOW + 1, NOW + 1)
    await inserted(store, { tenant: 'theirs' })
    await inserted(store, { tenant: 'ours', idempotency })
  },

  async 'the token of a deleted batch is never good for a batch made after it'(store) {
    await join(store)
    await inserted(store)
    const old = await claimedOne(store)
    await settled(store, [done(old)])
    await store.sweep(NOW + 1, NOW + 1)
    const request = await inserted(store)
    await claimedOne(store)
    await refused(store, [done(old)])
    expect(await audited(store, request)).toMatchObject({ completed: 0, finishedAt: null })
  },

  async 'a sweep deletes a hundred requests at least, and the sweeps after it the rest'(store) {
    await join(store)
    await Promise.all(Array.from({ length: 250 }, () => inserted(store)))
    const batches = await claimed(store)
    await settled(
      store,
      batches.map((batch) => done(batch)),
    )
    let left = 250
    while (left > 0) {
      const { deleted } = await store.sweep(NOW + DAY, NOW + 1)
      expect(deleted).toBeGreaterThanOrEqual(Math.min(100, left))
      left -= deleted
      expect(await listed(store)).toHaveLength(left)
    }
  },
} satisfies Promises

/** Takes in a request and carries it out, all at one moment. */
async function finished(store: Store, at: EpochMs, options: RequestOptions) {
  const request = await inserted(store, options)
  const batches = await claimed(store, { now: at })
  await settled(
    store,
    batches.map((batch) => done(batch)),
    at,
  )
  return request
}
