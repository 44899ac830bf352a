import { expect } from 'vitest'
import { LANE, NOW, newBatch, newRequest, TENANT } from '../support/requests.ts'
import { allBatches, audited, claimed, DELICATE, inserted, join, listed, only } from './steps.ts'
import type { Promises } from './store.contract.ts'

/** What insert promises: all of it or none of it, once for each key, unchanged to the byte. */
export const intake = {
  async 'a request is there whole once insert has resolved'(store) {
    const terms = {
      notBefore: NOW - 5,
      expiresAt: NOW + 5,
      callbackUrl: 'https://ops.example.com/done',
      retryOf: '01985a3c-6c1e-7d3a-9a55-0d6f1f0e8a11',
    }
    const metadata = { ticket: 'OPS-1' }
    const request = newRequest({ total: 12, priority: 'HIGH', metadata, terms })
    expect(await store.insert(request)).toEqual({ kind: 'inserted' })
    expect(await store.request(request.tenant, request.id)).toEqual({
      id: request.id,
      tenant: request.tenant,
      priority: 'HIGH',
      state: 'pending',
      total: 12,
      completed: 0,
      failed: 0,
      cancelled: 0,
      createdAt: request.createdAt,
      startedAt: null,
      finishedAt: null,
      metadata,
      terms,
      closing: null,
      pace: null,
    })
    expect(await allBatches(store, request.id)).toEqual(
      request.batches.map((batch) => ({ ...batch, verdicts: null, closed: null })),
    )
  },

  async 'a request of a thousand batches over many lanes is there whole'(store) {
    const batches = Array.from({ length: 1000 }, (_, ordinal) =>
      newBatch([ordinal], { lane: `lane-${ordinal % 50}` }),
    )
    const request = await inserted(store, { batches })
    expect(await allBatches(store, request.id)).toHaveLength(1000)
    expect((await store.work(NOW)).lanes).toHaveLength(50)
    expect(await store.totals()).toEqual({ activeRequests: 1, openMappings: 1000 })
  },

  async 'a touch changes nothing'(store) {
    const request = await inserted(store, { total: 3 })
    const before = await store.totals()
    for (let time = 0; time < 2; time += 1) await store.touch()
    expect(await store.totals()).toEqual(before)
    expect(await listed(store)).toEqual([request.id])
    await audited(store, request)
  },

  async 'an insert that fails leaves nothing behind and takes no other with it'(store) {
    const first = newRequest({ total: 3 })
    const impostor = newRequest({ id: first.id, lane: 'erp', total: 7 })
    const unplaced = { ...newBatch([1]), ordinals: { first: NaN, last: 1, count: 1, list: null } }
    const broken = newRequest({ batches: [newBatch([0], { lane: 'erp' }), unplaced] })
    const last = newRequest({ total: 2 })
    const requests = [first, impostor, broken, last]
    const endings = await Promise.allSettled(requests.map((request) => store.insert(request)))
    expect(endings.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'rejected',
      'fulfilled',
    ])
    expect(await store.request(TENANT, broken.id)).toBeNull()
    expect((await audited(store, first)).total).toBe(3)
    expect((await store.work(NOW)).lanes.map(({ lane }) => lane)).toEqual([LANE])
    expect(await store.totals()).toEqual({ activeRequests: 2, openMappings: 5 })
  },

  async 'metadata comes back byte for byte'(store) {
    const metadata = Object.fromEntries(DELICATE.map((text) => [text, text]))
    const request = await inserted(store, { metadata })
    expect((await audited(store, request)).metadata).toEqual(metadata)
  },

  async 'the mappings text comes back byte for byte, to a query and to a claim'(store) {
    const mappings = `[ {"id":${JSON.stringify(DELICATE.join(''))},"source":"a", "target":"b",
      "data":{"z":1,"a":1e400,"n":12345678901234567890.10,"escaped":"\\u00e9\\/","é":null}} ]`
    const request = await inserted(store, { batches: [newBatch([0], { mappings })] })
    expect(only(await allBatches(store, request.id)).mappings).toBe(mappings)
    await join(store)
    expect(only(await claimed(store)).mappings).toBe(mappings)
  },

  async 'a mappings text of megabytes comes back byte for byte'(store) {
    const mappings = JSON.stringify([{ id: 'é👩‍👧'.repeat(300_000), source: 'a', target: 'b' }])
    const request = await inserted(store, { batches: [newBatch([0], { mappings })] })
    const stored = only(await allBatches(store, request.id)).mappings
    expect(stored === mappings, 'compared here, for a difference would be megabytes long').toBe(
      true,
    )
  },

  async 'tenants and lanes that look alike are not the same'(store) {
    const names = ['acme', 'Acme', 'acme ', 'acm\u00e9', 'acme\u0301', 'аcme', '*', '%']
    for (const name of names) await inserted(store, { tenant: name, lane: name })
    for (const name of names) expect(await listed(store, {}, name)).toHaveLength(1)
    await join(store)
    for (const lane of names) expect(only(await claimed(store, { lane })).tenant).toBe(lane)
  },

  async 'a key seen before gives the first request again and inserts nothing'(store) {
    const idempotency = { key: 'key-1', fingerprint: 'f1' }
    const first = await inserted(store, { total: 3, idempotency })
    const again = newRequest({ total: 3, idempotency })
    const request = { id: first.id, total: 3 }
    expect(await store.insert(again)).toEqual({ kind: 'replayed', request })
    expect(await store.request(TENANT, again.id)).toBeNull()
    expect(await store.totals()).toEqual({ activeRequests: 1, openMappings: 3 })
  },

  async 'a key used for another request is a conflict and inserts nothing'(store) {
    await inserted(store, { total: 3, idempotency: { key: 'key-1', fingerprint: 'f1' } })
    const other = newRequest({ idempotency: { key: 'key-1', fingerprint: 'f2' } })
    expect(await store.insert(other)).toEqual({ kind: 'conflict' })
    expect(await store.request(TENANT, other.id)).toBeNull()
    expect(await store.totals()).toEqual({ activeRequests: 1, openMappings: 3 })
  },

  async 'a key belongs to its tenant'(store) {
    const idempotency = { key: 'key-1', fingerprint: 'f1' }
    const ours = await inserted(store, { tenant: 'ours', idempotency })
    const theirs = await inserted(store, { tenant: 'theirs', idempotency })
    expect(await listed(store, {}, 'ours')).toEqual([ours.id])
    expect(await listed(store, {}, 'theirs')).toEqual([theirs.id])
  },

  async 'keys that look alike are not the same'(store) {
    const keys = ['key', 'KEY', 'key_', 'k%', '"key"']
    for (const key of keys) await inserted(store, { idempotency: { key, fingerprint: 'f1' } })
    expect(await listed(store)).toHaveLength(keys.length)
  },

  async 'requests without a key are never taken for one another'(store) {
    await inserted(store)
    await inserted(store)
    expect(await listed(store)).toHaveLength(2)
  },

  async 'of many inserts with one key at once, one inserts and all give it'(store) {
    const idempotency = { key: 'key-1', fingerprint: 'f1' }
    const requests = Array.from({ length: 10 }, () => newRequest({ idempotency }))
    const answers = await Promise.all(requests.map((request) => store.insert(request)))
    const kept = only(await listed(store))
    expect(answers.filter(({ kind }) => kind === 'inserted')).toHaveLength(1)
    for (const answer of answers) {
      if (answer.kind !== 'inserted')
        expect(answer).toMatchObject({ kind: 'replayed', request: { id: kept } })
    }
  },
} satisfies Promises
