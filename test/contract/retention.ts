import { expect } from 'vitest'
import { NO_OVERRIDE } from '../../src/core/limits.ts'
import type { EpochMs } from '../../src/core/units.ts'
import type { Store } from '../../src/store/store.ts'
import { done, NOW, newRequest, type RequestOptions, TENANT } from '../support/requests.ts'
import {
  allBatches,
  audited,
  claimed,
  claimedOne,
  cleared,
  DAY,
  inserted,
  join,
  listed,
  opened,
  refused,
  settled,
  swept,
} from './steps.ts'
import type { Promises } from './store.contract.ts'

/** What sweep promises about old requests: they go wholly, and nothing else goes. */
export const retention = {
  async 'a request that finished too long ago is deleted wholly'(store) {
    await join(store)
    const idempotency = { key: 'key-1', fingerprint: 'f1' }
    const old = await finished(store, NOW, { total: 15, idempotency })
    expect((await swept(store, NOW + DAY, NOW + 1)).deleted).toBe(1)
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
    expect(await swept(store, NOW + 3 * DAY, NOW + DAY)).toEqual({
      rescued: [],
      repaired: [],
      deleted: 1,
    })
    expect(await state()).toEqual(before)
    expect(await store.request(old.tenant, old.id)).toBeNull()
    expect((await swept(store, NOW + 3 * DAY, NOW + DAY)).deleted).toBe(0)
  },

  async 'a key is remembered for a day, though its request is deleted and cleared away before'(
    store,
  ) {
    await join(store)
    const idempotency = { key: 'key-1', fingerprint: 'f1' }
    const { id, total } = await finished(store, NOW, { total: 15, createdAt: NOW, idempotency })
    const other = { key: 'key-1', fingerprint: 'f2' }
    async function expectRemembered() {
      const request = { id, total }
      const replayed = { kind: 'replayed', request }
      expect(await store.insert(newRequest({ idempotency }))).toEqual(replayed)
      expect(await store.insert(newRequest({ idempotency: other }))).toEqual({ kind: 'conflict' })
      const known = { kind: 'known', request, fingerprint: 'f1' }
      expect(await opened(store, newRequest({ idempotency }))).toEqual(known)
      const keyed = { request: id, fingerprint: 'f1', isReceiving: false }
      expect(await store.keyed(TENANT, 'key-1')).toEqual(keyed)
    }
    await swept(store, NOW + 1, NOW + 1)
    await expectRemembered()
    await cleared(store, NOW + 1)
    await expectRemembered()
    expect(await listed(store)).toEqual([])
    await swept(store, NOW + DAY, 0)
    await expectRemembered()
    await swept(store, NOW + DAY + 1, 0)
    await inserted(store, { idempotency: other })
  },

  async 'the token of a deleted batch is never good for a batch made after it'(store) {
    await join(store)
    await inserted(store)
    const old = await claimedOne(store)
    await settled(store, [done(old)])
    await swept(store, NOW + 1, NOW + 1)
    const request = await inserted(store)
    await claimedOne(store)
    await refused(store, [done(old)])
    expect(await audited(store, request)).toMatchObject({ completed: 0, finishedAt: null })
  },

  async 'however many are old, some go at a time, and it is said that there are more'(store) {
    await join(store)
    const idempotency = (n: number) => ({ key: `key-${n}`, fingerprint: 'f' })
    await Promise.all(
      Array.from({ length: 600 }, (_, n) => inserted(store, { idempotency: idempotency(n) })),
    )
    const batches = await claimed(store)
    await settled(
      store,
      batches.map((batch) => done(batch)),
    )
    expect(await store.deleteOld(NOW, NOW + 1)).toEqual({ requests: 500, more: true })
    expect(await listed(store)).toHaveLength(100)
    expect(await store.deleteOld(NOW, NOW + 1)).toEqual({ requests: 100, more: false })
    expect(await listed(store)).toEqual([])
    // The keys are left, and go when their own time is over.
    expect((await store.deleteOld(NOW + DAY, 0)).more).toBe(true)
    expect((await store.deleteOld(NOW + DAY, 0)).more).toBe(false)
    await inserted(store, { idempotency: idempotency(0) })
    await inserted(store, { idempotency: idempotency(599) })
  },

  async 'a key that has yet to be forgotten stands for its request, though that is deleted'(store) {
    await join(store)
    const idempotency = { key: 'last', fingerprint: 'f' }
    const { id, total } = await finished(store, NOW + 1, { createdAt: NOW + 1, idempotency })
    await Promise.all(
      Array.from({ length: 500 }, (_, n) =>
        inserted(store, { idempotency: { key: `key-${n}`, fingerprint: 'f' } }),
      ),
    )
    expect(await store.deleteOld(NOW + 2 * DAY, NOW + 2)).toEqual({ requests: 1, more: true })
    const again = newRequest({ idempotency })
    expect(await store.insert(again)).toEqual({ kind: 'replayed', request: { id, total } })
    await cleared(store)
    expect(await store.insert(again)).toEqual({ kind: 'replayed', request: { id, total } })
  },

  async 'a request of many batches is gone at once, and cleared away in pieces'(store) {
    await join(store)
    const old = await finished(store, NOW, { total: 1300, batchSize: 1 })
    const kept = await finished(store, NOW + DAY, { total: 1300, batchSize: 1 })
    expect((await store.deleteOld(NOW + DAY, NOW + 1)).requests).toBe(1)
    expect(await store.request(TENANT, old.id)).toBeNull()
    expect(await allBatches(store, old.id)).toEqual([])
    expect(await store.clear(NOW)).toBe(true)
    expect(await cleared(store)).toBeGreaterThanOrEqual(2)
    await inserted(store, { id: old.id })
    expect(await audited(store, kept)).toMatchObject({ completed: 1300 })
  },

  async 'one that was cancelled before its time is not released once it is deleted'(store) {
    const notBefore = NOW + 2 * DAY
    const { id } = await inserted(store, { terms: { notBefore } })
    await store.cancel(TENANT, id, NOW)
    expect((await store.deleteOld(NOW + DAY, NOW + 1)).requests).toBe(1)
    expect((await store.work(NOW)).release).toBeNull()
    expect(await store.release(notBefore)).toBeNull()
  },

  async 'what an operator has set stays, and so does a gate that is not over'(store) {
    await store.override('limited', { concurrency: 3 })
    await store.override('slowed', { rate: [{ count: 50, per: 1000, burst: 1 }] })
    await store.override('paused', { paused: true })
    await store.gate('held', { state: 'held', until: NOW, reason: 'It answered 401.' })
    await store.gate('tripped', { state: 'tripped', until: NOW, reason: 'It fails.' })
    await store.gate('throttled', { state: 'throttled', until: NOW + DAY, reason: '429' })
    const before = await controls(store)
    expect(before).toHaveLength(6)
    await store.deleteOld(NOW + DAY, NOW)
    expect(await controls(store)).toEqual(before)
  },

  async 'a throttled gate that is over is forgotten, but not what was set beside it'(store) {
    const gate = { state: 'throttled', until: NOW, reason: '429' } as const
    for (const system of ['crm', 'erp']) await store.gate(system, gate)
    await store.override('erp', { concurrency: 3 })
    for (let step = 0; step < 2; step += 1) await store.deleteOld(NOW + 1, NOW)
    const override = { ...NO_OVERRIDE, concurrency: 3 }
    expect(await controls(store)).toEqual([{ system: 'erp', gate: null, override }])
  },

  async 'many small requests are cleared away some at a time'(store) {
    await join(store)
    const ids = await Promise.all(
      Array.from({ length: 120 }, async () => (await inserted(store)).id),
    )
    const batches = await claimed(store)
    await settled(
      store,
      batches.map((batch) => done(batch, { failed: 1 })),
    )
    await store.deleteOld(NOW + DAY, NOW + 1)
    expect(await cleared(store)).toBeLessThan(10)
    for (const id of ids) await inserted(store, { id })
  },
} satisfies Promises

/** How systems may be called, in order of their names. */
async function controls(store: Store) {
  const { systems } = await store.work(NOW)
  return systems.toSorted((a, b) => (a.system < b.system ? -1 : 1))
}

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
