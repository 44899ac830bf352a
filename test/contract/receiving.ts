import { expect } from 'vitest'
import type { NewRequest, Store } from '../../src/store/store.ts'
import {
  done,
  LANE,
  NOW,
  newBatch,
  newRequest,
  piecesOf,
  TENANT,
  wholeOf,
} from '../support/requests.ts'
import {
  allBatches,
  audited,
  claimed,
  cleared,
  inserted,
  join,
  listed,
  only,
  opened,
  received,
  released,
  SECOND,
  settled,
  staged,
  swept,
  UNTIL,
  waitingOf,
} from './steps.ts'
import type { Promises } from './store.contract.ts'

/** What is promised of a request that comes in pieces: nothing of it is there before all of it is. */
export const receiving = {
  async 'a request that comes in pieces is there whole once it is complete, and is carried out'(
    store,
  ) {
    await join(store)
    const terms = {
      ...{ notBefore: NOW - 5, expiresAt: NOW + 5, callbackUrl: 'https://a.example/' },
      retryOf: '01985a3c-6c1e-7d3a-9a55-0d6f1f0e8a11',
    }
    const metadata = { ticket: 'OPS-1' }
    const options = { total: 23, priority: 'HIGH', metadata, terms } as const
    const request = await received(store, options)
    expect(await audited(store, request)).toMatchObject({
      ...{ state: 'pending', priority: 'HIGH', total: 23, metadata, createdAt: request.createdAt },
      terms: request.terms,
    })
    expect(await allBatches(store, request.id)).toEqual(
      request.batches.map((batch) => ({ ...batch, verdicts: null, closed: null })),
    )
    expect(await store.totals()).toEqual({ activeRequests: 1, openMappings: 23 })
    await released(store)
    const batches = await claimed(store)
    expect(batches.map(({ mappings }) => mappings)).toEqual(
      request.batches.map(({ mappings }) => mappings),
    )
    const { finished } = await settled(
      store,
      batches.map((batch) => done(batch)),
    )
    expect(finished).toMatchObject([{ id: request.id, state: 'completed', completed: 23 }])
    expect(await store.totals()).toEqual({ activeRequests: 0, openMappings: 0 })
  },

  async 'until it is complete nothing of it can be seen, claimed or audited'(store) {
    await join(store)
    const request = await staged(store, { total: 20, sources: { shop: 20 } })
    await store.gate(LANE, { state: 'held', until: NOW, reason: 'refused' })
    await expectNothingOf(store, request)
    await store.gate(LANE, null)
    expect(await store.release(NOW)).toBeNull()
    await expectNothingOf(store, request)
    expect(await claimed(store)).toEqual([])
    expect(await swept(store, NOW, NOW)).toMatchObject({ repaired: [], deleted: 0 })
    await store.complete(request, wholeOf(request))
    expect((await audited(store, request)).total).toBe(20)
  },

  async 'a request for many lanes is accounted for in each of them'(store) {
    await join(store)
    const lanes = ['crm', 'erp', 'crm', 'shop', 'erp', 'crm']
    const batches = lanes.map((lane, place) => newBatch([2 * place, 2 * place + 1], { lane }))
    const request = await received(store, { batches })
    await store.gate('erp', { state: 'held', until: NOW, reason: 'refused' })
    expect(only(await waitingOf(store, TENANT, request.id))).toMatchObject({ mappings: 4 })
    await store.gate('erp', null)
    await released(store)
    for (const [lane, open] of Object.entries({ crm: 6, erp: 4, shop: 2 })) {
      expect((await store.system(lane)).open).toBe(open)
      const claims = await claimed(store, { lane })
      await settled(
        store,
        claims.map((batch) => done(batch)),
      )
      expect((await store.system(lane)).open).toBe(0)
    }
    expect(await audited(store, request)).toMatchObject({ state: 'completed', completed: 12 })
  },

  async 'a piece that is sent again counts once'(store) {
    const request = newRequest({ total: 20 })
    await opened(store, request)
    for (const piece of piecesOf(request)) {
      for (let time = 0; time < 2; time++) {
        expect(await store.stage(request, piece, UNTIL, NOW)).toBe(true)
      }
    }
    expect(await store.complete(request, wholeOf(request))).toBe(true)
    expect(await allBatches(store, request.id)).toHaveLength(4)
    expect((await audited(store, request)).total).toBe(20)
  },

  async 'a piece that does not follow, and a whole that is not, are refused and change nothing'(
    store,
  ) {
    const request = newRequest({ total: 30 })
    await opened(store, request)
    const [first, second, third] = piecesOf(request)
    if (first === undefined || second === undefined || third === undefined) throw new Error('three')
    await store.stage(request, first, UNTIL, NOW)
    await expect(store.stage(request, third, UNTIL, NOW)).rejects.toThrow('one after another')
    await expect(store.complete(request, wholeOf(request))).rejects.toThrow('all of it is staged')
    await expectNothingOf(store, request)
    for (const piece of [second, third]) await store.stage(request, piece, UNTIL, NOW)
    expect(await store.complete(request, wholeOf(request))).toBe(true)
    await audited(store, request)
  },

  async 'that it is complete may be said again, and changes nothing'(store) {
    const request = await received(store, { total: 7 })
    await released(store)
    const before = await audited(store, request)
    expect(await store.complete(request, wholeOf(request))).toBe(true)
    expect(await audited(store, request)).toEqual(before)
    expect(await store.totals()).toEqual({ activeRequests: 1, openMappings: 7 })
  },

  async 'what no piece comes of in time is given up, and leaves nothing'(store) {
    const idempotency = { key: 'key-1', fingerprint: 'f1' }
    const request = await staged(store, { total: 1200, batchSize: 1, idempotency })
    await store.clear(UNTIL + 1)
    const [piece] = piecesOf(newRequest({ total: 5 }))
    if (piece === undefined) throw new Error('a request has a piece')
    expect(await store.stage(request, { ...piece, staged: 1200 }, UNTIL, NOW)).toBe(false)
    expect(await store.complete(request, wholeOf(request))).toBe(false)
    await expectNothingOf(store, request)
    expect(await opened(store, newRequest({ idempotency }))).toEqual({ kind: 'opened' })
    await cleared(store, UNTIL + 1)
    await expectNothingOf(store, request)
  },

  async 'each piece, and an empty one, gives it more time'(store) {
    const request = await staged(store, { total: 10 })
    const later = UNTIL + 10 * SECOND
    expect(await store.stage(request, { staged: 10, batches: [] }, later, UNTIL)).toBe(true)
    await cleared(store, UNTIL + 1)
    expect(await store.complete(request, wholeOf(request))).toBe(true)
    expect((await audited(store, request)).total).toBe(10)
  },

  async 'and no piece takes any of it away'(store) {
    const request = await staged(store, { total: 10 })
    const sooner = UNTIL - 10 * SECOND
    expect(await store.stage(request, { staged: 10, batches: [] }, sooner, NOW)).toBe(true)
    await cleared(store, sooner + 1)
    expect(await store.complete(request, wholeOf(request))).toBe(true)
  },

  async 'a piece that came in time keeps what a later look would have given up'(store) {
    const request = await staged(store, { total: 10 })
    const renewed = { staged: 10, batches: [] }
    expect(await store.stage(request, renewed, UNTIL + SECOND, UNTIL + 1)).toBe(true)
    await cleared(store, UNTIL + 2)
    expect(await store.complete(request, wholeOf(request))).toBe(true)
  },

  async 'what is abandoned takes nothing more, and its key is free at once'(store) {
    const idempotency = { key: 'key-1', fingerprint: 'f1' }
    const request = await staged(store, { total: 20, idempotency })
    await store.abandon(request)
    const again = newRequest({ total: 3, idempotency })
    expect(await store.insert(again)).toEqual({ kind: 'inserted' })
    const [piece] = piecesOf(request)
    if (piece === undefined) throw new Error('a request has a piece')
    expect(await store.stage(request, piece, UNTIL, NOW)).toBe(false)
    expect(await store.complete(request, wholeOf(request))).toBe(false)
    await expectNothingOf(store, request, 3)
    await cleared(store)
    await expectNothingOf(store, request, 3)
    expect((await audited(store, again)).total).toBe(3)
  },

  async 'what is complete, or unknown, cannot be abandoned'(store) {
    const request = await received(store, { total: 10 })
    await store.abandon(request)
    await store.abandon(newRequest())
    await cleared(store, UNTIL + 1)
    expect((await audited(store, request)).total).toBe(10)
  },

  async 'what was given up is cleared away in pieces, and nothing else is'(store) {
    const kept = await inserted(store, { total: 12 })
    const half = await staged(store, { total: 10, lane: 'erp' })
    const gone = await staged(store, { total: 1200, batchSize: 1 })
    await store.abandon(gone)
    expect(await cleared(store)).toBeGreaterThan(2)
    await expectNothingOf(store, gone, 12)
    expect(await store.complete(half, wholeOf(half))).toBe(true)
    await audited(store, half)
    await audited(store, kept)
    // The id is free again: nothing is left of it.
    expect(await store.insert(newRequest({ id: gone.id }))).toEqual({ kind: 'inserted' })
  },

  async 'while a key’s request is received, nobody knows what the key stands for'(store) {
    const idempotency = { key: 'key-1', fingerprint: 'f1' }
    const request = await staged(store, { total: 4, idempotency })
    expect(await opened(store, newRequest({ idempotency }))).toEqual({ kind: 'receiving' })
    expect(await store.insert(newRequest({ idempotency }))).toEqual({ kind: 'receiving' })
    expect(await store.keyed(TENANT, 'key-1')).toMatchObject({ isReceiving: true })
    await store.complete(request, wholeOf(request))
    await audited(store, request)
    const first = { id: request.id, total: 4 }
    const known = { kind: 'known', request: first, fingerprint: 'f1' }
    expect(await opened(store, newRequest({ idempotency }))).toEqual(known)
    const replayed = { kind: 'replayed', request: first }
    expect(await store.insert(newRequest({ idempotency }))).toEqual(replayed)
    const other = { key: 'key-1', fingerprint: 'f2' }
    expect(await store.insert(newRequest({ idempotency: other }))).toEqual({ kind: 'conflict' })
    expect(await listed(store)).toEqual([request.id])
  },

  async 'a key that an insert has used is known, with its fingerprint'(store) {
    const idempotency = { key: 'key-1', fingerprint: 'f1' }
    const { id } = await inserted(store, { total: 3, idempotency })
    const request = { id, total: 3 }
    const again = newRequest({ idempotency })
    expect(await opened(store, again)).toEqual({ kind: 'known', request, fingerprint: 'f1' })
    await expectNothingOf(store, again, 3)
  },

  async 'a key that is received belongs to its tenant'(store) {
    const idempotency = { key: 'key-1', fingerprint: 'f1' }
    await staged(store, { tenant: 'ours', idempotency })
    await staged(store, { tenant: 'theirs', idempotency })
    expect(await store.insert(newRequest({ tenant: 'others', idempotency }))).toEqual({
      kind: 'inserted',
    })
  },

  async 'of many that open with one key at once, one does'(store) {
    const idempotency = { key: 'key-1', fingerprint: 'f1' }
    const requests = Array.from({ length: 10 }, () => newRequest({ idempotency }))
    const answers = await Promise.all(requests.map((request) => opened(store, request)))
    expect(answers.filter(({ kind }) => kind === 'opened')).toHaveLength(1)
    expect(answers.filter(({ kind }) => kind === 'receiving')).toHaveLength(9)
  },

  async 'the request of another tenant can neither be added to, completed nor abandoned'(store) {
    const request = await staged(store, { tenant: 'ours', total: 10 })
    const theirs = { tenant: 'theirs', id: request.id }
    expect(await store.stage(theirs, { staged: 10, batches: [] }, UNTIL, NOW)).toBe(false)
    expect(await store.complete(theirs, wholeOf(request))).toBe(false)
    await store.abandon(theirs)
    expect(await store.complete(request, wholeOf(request))).toBe(true)
    expect(only(await listed(store, {}, 'ours'))).toBe(request.id)
  },
} satisfies Promises

/** Expects that nobody can see that a request is there; `open` mappings of others are. */
async function expectNothingOf(store: Store, { tenant, id }: NewRequest, open = 0): Promise<void> {
  expect(await store.request(tenant, id)).toBeNull()
  expect(await listed(store, {}, tenant)).not.toContain(id)
  expect(await allBatches(store, id, tenant)).toEqual([])
  expect(await waitingOf(store, tenant, id)).toEqual([])
  const activeRequests = open === 0 ? 0 : 1
  expect(await store.totals()).toEqual({ activeRequests, openMappings: open })
  expect(await store.system(LANE)).toMatchObject({ open, leased: 0, waiting: 0 })
  expect((await store.work(NOW)).release).toBeNull()
}
