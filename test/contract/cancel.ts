import { expect } from 'vitest'
import type { Request } from '../../src/core/request.ts'
import { resultsOf } from '../../src/core/results.ts'
import type { ClosedSome, NewRequest, RequestName, Store, WorkHint } from '../../src/store/store.ts'
import { done, ERROR, LANE, NOW, newBatch, TENANT, unfinished } from '../support/requests.ts'
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
  MINUTE,
  only,
  received,
  refused,
  released,
  SECOND,
  settled,
  staged,
  swept,
  three,
  two,
} from './steps.ts'
import type { Promises } from './store.contract.ts'

/** More batches than one transaction looks at. */
const MANY = 2500

/** So many closed requests are named at once. */
const NAMED = 1000

/** What cancel promises: nothing more starts, what is in hand may end, and all of it is accounted for. */
export const cancel = {
  async 'a request that nobody has in hand is cancelled at once, and no verdicts are written'(
    store,
  ) {
    const request = await inserted(store, { total: 12 })
    const answer = await store.cancel(TENANT, request.id, NOW + 5)
    const cancelled = await audited(store, request)
    expect(answer).toEqual({ kind: 'closed', request: cancelled })
    const finals = { state: 'cancelled', cancelled: 12, startedAt: null, finishedAt: NOW + 5 }
    expect(cancelled).toMatchObject({ ...finals, closing: 'cancelled' })
    for (const { verdicts, closed } of await allBatches(store, request.id)) {
      expect([verdicts, closed]).toEqual([null, { as: 'cancelled', at: NOW + 5 }])
    }
    expect(await store.totals()).toEqual({ activeRequests: 0, openMappings: 0 })
  },

  async 'of a cancelled request nothing can be claimed, by rank, by age or when it is due'(store) {
    await join(store)
    const request = await inserted(store, { total: 20 })
    const [waiting, ready, held] = await claimed(store, { mappings: 15 })
    if (waiting === undefined || ready === undefined || held === undefined) throw new Error('three')
    await settled(store, [
      unfinished(waiting, { state: 'waiting', runAt: NOW + SECOND }),
      unfinished(ready, { state: 'ready' }),
    ])
    await store.cancel(TENANT, request.id, NOW)
    for (const turn of [0, 7]) {
      expect(await claimed(store, { turn, now: NOW + MINUTE })).toEqual([])
    }
    expect(await audited(store, request)).toMatchObject({ state: 'in_progress', cancelled: 15 })
  },

  async 'what is behind it in its lane can be claimed, in its order'(store) {
    await join(store)
    const ahead = await inserted(store, { total: 10 })
    const held = await claimedOne(store)
    const behind = await inserted(store, { total: 10 })
    await store.cancel(TENANT, ahead.id, NOW)
    const firsts = (await claimed(store)).map(({ request, ordinals }) => [request, ordinals.first])
    expect(firsts).toEqual([
      [behind.id, 0],
      [behind.id, 5],
    ])
    await settled(store, [done(held)])
  },

  async 'what is in hand ends and counts, and the settle that ends it finishes the request'(store) {
    await join(store)
    const request = await inserted(store, { total: 15 })
    const [first, second] = two(await claimed(store, { mappings: 10 }))
    const answer = await store.cancel(TENANT, request.id, NOW)
    expect(answer).toMatchObject({ kind: 'closed', request: { cancelled: 5, finishedAt: null } })
    expect((await settled(store, [done(first, { failed: 2 })])).finished).toEqual([])
    const letGo = unfinished(second, { state: 'ready' }, { completed: 1 })
    const { finished } = await settled(store, [letGo], NOW + SECOND)
    const final = await audited(store, request)
    expect(finished).toEqual([final])
    const counts = { completed: 4, failed: 2, cancelled: 9 }
    expect(final).toMatchObject({ ...counts, state: 'failed', finishedAt: NOW + SECOND })
    await refused(store, [letGo, done(first)])
  },

  async 'a batch in hand is ended when it is let go of, whatever is to come of it'(store) {
    await join(store)
    const request = await inserted(store, { total: 15 })
    const [ready, waiting, leased] = three(await claimed(store))
    await store.cancel(TENANT, request.id, NOW)
    const runAt = NOW + MINUTE
    await settled(store, [
      unfinished(ready, { state: 'ready' }, { completed: 1 }),
      unfinished(waiting, { state: 'waiting', runAt }, { completed: 2 }),
      unfinished(leased, { state: 'leased' }, { completed: 3 }),
    ])
    const counts = { completed: 6, cancelled: 7 }
    expect(await audited(store, request)).toMatchObject({ ...counts, finishedAt: null })
    await settled(store, [unfinished(leased, { state: 'ready' }, { completed: 4 })])
    const final = { state: 'cancelled', completed: 7, cancelled: 8 }
    expect(await audited(store, request)).toMatchObject(final)
  },

  async 'a mapping that waited for its next attempt keeps its attempts, and why the last one failed'(
    store,
  ) {
    await join(store)
    const request = await inserted(store, { total: 3 })
    const batch = await claimedOne(store)
    const verdicts = JSON.stringify([
      ['completed', 1, NOW, 48, {}],
      ['pending', 2, NOW + MINUTE, ERROR],
      null,
    ])
    const retry = unfinished(batch, { state: 'waiting', runAt: NOW + MINUTE }, { completed: 1 })
    await settled(store, [{ ...retry, verdicts }])
    await store.cancel(TENANT, request.id, NOW + SECOND)
    const results = (await allBatches(store, request.id)).flatMap((one) =>
      resultsOf(one, { from: 0, state: null }),
    )
    const cancelled = { state: 'cancelled', finishedAt: NOW + SECOND }
    expect(results).toMatchObject([
      { state: 'completed', attempts: 1 },
      { ...cancelled, attempts: 2, error: ERROR },
      { ...cancelled, attempts: 0, error: null },
    ])
    expect(await audited(store, request)).toMatchObject({ completed: 1, cancelled: 2 })
  },

  async 'cancelling again changes nothing, and what was finished cannot be cancelled'(store) {
    await join(store)
    const request = await inserted(store, { total: 10 })
    const held = await claimedOne(store)
    await store.cancel(TENANT, request.id, NOW)
    const closing = await audited(store, request)
    const again = await store.cancel(TENANT, request.id, NOW + SECOND)
    expect(again).toEqual({ kind: 'unchanged', request: closing })
    await settled(store, [done(held)])
    const over = await audited(store, request)
    const late = await store.cancel(TENANT, request.id, NOW + MINUTE)
    expect(late).toEqual({ kind: 'unchanged', request: over })
    const other = await inserted(store)
    await settled(store, [done(await claimedOne(store))])
    expect(await store.cancel(TENANT, other.id, NOW)).toEqual({ kind: 'finished' })
  },

  async 'a request of another tenant, and one that never was, are unknown'(store) {
    const theirs = await inserted(store, { tenant: 'acme', total: 5 })
    expect(await store.cancel(TENANT, theirs.id, NOW)).toEqual({ kind: 'unknown' })
    expect(await store.cancel(TENANT, 'nothing', NOW)).toEqual({ kind: 'unknown' })
    expect(await audited(store, theirs)).toMatchObject({ state: 'pending', closing: null })
  },

  async 'of many cancels at once, one closes the request'(store) {
    const { id } = await inserted(store, { total: 50 })
    const cancels = Array.from({ length: 10 }, () => store.cancel(TENANT, id, NOW))
    const kinds = (await Promise.all(cancels)).map(({ kind }) => kind)
    expect(kinds.filter((kind) => kind === 'closed')).toHaveLength(1)
    expect(kinds.filter((kind) => kind === 'unchanged')).toHaveLength(9)
  },

  async 'a large request is ended in pieces, and is exact after each of them'(store) {
    await join(store)
    const request = await inserted(store, { total: MANY, batchSize: 1 })
    const held = await claimedOne(store)
    await store.cancel(TENANT, request.id, NOW)
    const first = await audited(store, request)
    expect(first.cancelled).toBeGreaterThan(0)
    expect(first.cancelled).toBeLessThan(MANY / 2)
    expect(await claimed(store)).toEqual([])
    expect(await store.work(NOW)).toMatchObject({ closing: [nameOf(request)], toClose: true })
    let before = first.cancelled
    for (let more = true; more; ) {
      const some = await store.closeSome(NOW)
      expect(some.finished).toEqual([])
      const { cancelled } = await audited(store, request)
      expect(cancelled - before).toBeLessThan(MANY / 2)
      before = cancelled
      more = some.more
    }
    expect(before).toBe(MANY - 1)
    expect(await store.work(NOW)).toMatchObject({ closing: [nameOf(request)], toClose: false })
    expect((await settled(store, [done(held)])).finished).toEqual([await audited(store, request)])
    expect(await store.work(NOW)).toMatchObject({ closing: [], toClose: false })
  },

  async 'the piece that ends its last batch finishes a request, and only that one'(store) {
    const request = await inserted(store, { total: MANY, batchSize: 1 })
    await store.cancel(TENANT, request.id, NOW)
    const finished = await closedAll(store, NOW + SECOND)
    const final = await audited(store, request)
    expect(finished).toEqual([final])
    expect(final).toMatchObject({ state: 'cancelled', finishedAt: NOW + SECOND })
  },

  async 'pieces that are done at once count each batch once'(store) {
    const request = await inserted(store, { total: MANY, batchSize: 1 })
    await store.cancel(TENANT, request.id, NOW)
    const finished: Request[] = []
    while ((await audited(store, request)).finishedAt === null) {
      const pieces = Array.from({ length: 3 }, () => store.closeSome(NOW))
      for (const some of await Promise.all(pieces)) finished.push(...some.finished)
    }
    expect(finished).toEqual([await audited(store, request)])
  },

  async 'a small request does not wait until a huge one is ended'(store) {
    await join(store)
    const huge = await inserted(store, { total: 4 * MANY, batchSize: 1 })
    await store.cancel(TENANT, huge.id, NOW)
    const small = await inserted(store, { terms: { expiresAt: NOW }, total: 10 })
    expect((await store.closeSome(NOW)).finished.map(({ id }) => id)).toEqual([small.id])
    expect((await audited(store, huge)).finishedAt).toBeNull()
  },

  async 'what a worker gives back, or dies with, is ended as well'(store) {
    const workers = ['dies', 'leaves', 'forgets']
    await join(store, 'worker-1')
    for (const worker of workers) await join(store, worker, NOW + SECOND)
    const request = await inserted(store, { total: 20 })
    for (const worker of workers) await claimedOne(store, { worker })
    await store.cancel(TENANT, request.id, NOW)
    await closedAll(store, NOW)
    expect(await audited(store, request)).toMatchObject({ cancelled: 5, finishedAt: null })
    await store.leave('leaves')
    await store.keep('forgets', [])
    const now = NOW + 2 * SECOND
    await swept(store, now, 0)
    expect(await claimed(store, { now })).toEqual([])
    expect((await closedAll(store, now)).map(({ id }) => id)).toEqual([request.id])
    expect(await audited(store, request)).toMatchObject({ state: 'cancelled', cancelled: 20 })
    expect((await swept(store, now, 0)).repaired).toEqual([])
  },

  async 'what a worker has in hand is not looked for again and again'(store) {
    await join(store)
    const request = await inserted(store, { total: 10 })
    const held = await claimedOne(store)
    await store.cancel(TENANT, request.id, NOW)
    await closedAll(store, NOW)
    await swept(store, NOW, 0)
    expect(await store.work(NOW)).toMatchObject({ toClose: false })
    await settled(store, [done(held)])
  },

  async 'a batch whose every mapping was checkpointed before its worker died is ended, too'(store) {
    await join(store, 'worker-1', NOW + SECOND)
    const request = await inserted(store, { total: 5 })
    const held = await claimedOne(store)
    await settled(store, [unfinished(held, { state: 'leased' }, { completed: 5 })])
    await store.cancel(TENANT, request.id, NOW)
    await swept(store, NOW + 2 * SECOND, 0)
    await closedAll(store, NOW + 2 * SECOND)
    expect(await audited(store, request)).toMatchObject({ state: 'completed', completed: 5 })
  },

  async 'every lane of the request, and nothing of another one, is given back'(store) {
    const lanes = ['crm', 'erp', 'shop']
    const batches = lanes.map((lane, ordinal) => newBatch([ordinal], { lane }))
    const request = await inserted(store, { batches })
    const other = await inserted(store, { lane: 'erp', total: 7 })
    await store.cancel(TENANT, request.id, NOW)
    expect(await store.totals()).toEqual({ activeRequests: 1, openMappings: 7 })
    expect((await store.work(NOW)).lanes.map(({ lane }) => lane)).toEqual(['erp'])
    expect((await store.system('erp')).open).toBe(7)
    expect(await audited(store, other)).toMatchObject({ closing: null })
  },

  async 'a request whose time has not come can be cancelled, and is not released'(store) {
    await join(store)
    const terms = { notBefore: NOW + MINUTE }
    const request = await inserted(store, { total: 10, terms, createdAt: NOW })
    await store.cancel(TENANT, request.id, NOW)
    const final = { state: 'cancelled', cancelled: 10, startedAt: null }
    expect(await audited(store, request)).toMatchObject(final)
    expect(await store.totals()).toEqual({ activeRequests: 0, openMappings: 0 })
    expect(await store.work(NOW)).toMatchObject({ lanes: [], release: null })
    await released(store, NOW + MINUTE)
    expect(await claimed(store, { now: NOW + MINUTE })).toEqual([])
  },

  async 'a request that is being released can be cancelled, and no more of it becomes ready'(
    store,
  ) {
    await join(store)
    const request = await received(store, { total: 2 * MANY, batchSize: 1 })
    await store.release(NOW)
    const held = await claimedOne(store)
    await store.cancel(TENANT, request.id, NOW)
    await released(store, NOW)
    expect(await claimed(store)).toEqual([])
    await closedAll(store, NOW)
    await settled(store, [done(held)])
    const final = { state: 'cancelled', completed: 1, cancelled: 2 * MANY - 1 }
    expect(await audited(store, request)).toMatchObject(final)
    expect(await store.totals()).toEqual({ activeRequests: 0, openMappings: 0 })
    expect(await store.work(NOW)).toMatchObject({ lanes: [], release: null })
  },

  async 'a request that is still received is unknown, and does not expire'(store) {
    const request = await staged(store, { total: 10, terms: { expiresAt: NOW } })
    expect(await store.cancel(TENANT, request.id, NOW)).toEqual({ kind: 'unknown' })
    expect(await store.closeSome(NOW)).toMatchObject({ expired: [] })
    expect(await store.work(NOW)).toMatchObject({ closing: [], toClose: false })
  },

  async 'a cancelled request that was deleted is not taken for one that is being cancelled'(store) {
    const request = await inserted(store, { total: 10 })
    await store.cancel(TENANT, request.id, NOW)
    expect((await swept(store, NOW + DAY, NOW + DAY)).deleted).toBe(1)
    expect(await store.cancel(TENANT, request.id, NOW)).toEqual({ kind: 'unknown' })
    expect(await store.work(NOW)).toMatchObject({ closing: [], toClose: false })
    await swept(store, NOW + DAY, NOW)
    expect(await store.work(NOW)).toMatchObject({ toClose: false })
    await cleared(store)
    await inserted(store, { id: request.id })
  },

  async 'lists show a request that is being cancelled as what it is, until it is finished'(store) {
    await join(store)
    const request = await inserted(store, { total: 10 })
    const held = await claimedOne(store)
    await store.cancel(TENANT, request.id, NOW)
    expect(await listed(store, { state: 'in_progress' })).toEqual([request.id])
    expect(await listed(store, { state: 'cancelled' })).toEqual([])
    await settled(store, [done(held)])
    expect(await listed(store, { state: 'in_progress' })).toEqual([])
    expect(await listed(store, { state: 'cancelled' })).toEqual([request.id])
  },

  async 'results can be asked for by how they stand'(store) {
    await join(store)
    const request = await inserted(store, { total: 10 })
    await settled(store, [done(await claimedOne(store))])
    await store.cancel(TENANT, request.id, NOW)
    const range = { from: 0, to: 10, reaching: 0 }
    const firsts = async (state: 'pending' | 'completed' | 'cancelled') =>
      (await store.batches(TENANT, request.id, { ...range, state })).batches.map(
        ({ ordinals }) => ordinals.first,
      )
    expect(await firsts('pending')).toEqual([])
    expect(await firsts('completed')).toEqual([0])
    expect(await firsts('cancelled')).toEqual([5])
  },

  async 'workers are told at once'(store) {
    const { id } = await inserted(store, { total: 5 })
    const hints: WorkHint[] = []
    const stop = store.onWork((hint) => hints.push(hint))
    await store.cancel(TENANT, id, NOW)
    stop()
    expect(hints).toContainEqual({ lane: null, rank: null })
  },

  async 'the last request that was closed is named, however many are still to end'(store) {
    await join(store)
    const others = await Promise.all(Array.from({ length: NAMED }, () => inserted(store)))
    const last = await inserted(store)
    expect(await claimed(store)).toHaveLength(NAMED + 1)
    await Promise.all(others.map(({ id }) => store.cancel(TENANT, id, NOW)))
    await store.cancel(TENANT, last.id, NOW + SECOND)
    const { closing } = await store.work(NOW + SECOND)
    expect(closing).toHaveLength(NAMED)
    expect(closing).toContainEqual(nameOf(last))
  },

  async 'where nothing is to be closed, nothing is'(store) {
    const request = await inserted(store, { total: 5 })
    const nothing: ClosedSome = { expired: [], finished: [], more: false }
    expect(await store.closeSome(NOW)).toEqual(nothing)
    expect(await audited(store, request)).toMatchObject({ state: 'pending', closing: null })
    expect((await store.work(NOW)).lanes.map(({ lane }) => lane)).toEqual([LANE])
  },
} satisfies Promises

/** Closes until there is nothing more to close; the requests that were finished. */
export async function closedAll(store: Store, now: number): Promise<readonly Request[]> {
  const finished: Request[] = []
  for (let more = true; more; ) {
    const some = await store.closeSome(now)
    finished.push(...some.finished)
    more = some.more || (await store.work(now)).toClose
  }
  return finished
}

/** By what the store names it. */
export function nameOf({ tenant, id }: NewRequest): RequestName {
  return { tenant, id }
}

/** The one request that is finished. */
export async function closedOne(store: Store, { id }: NewRequest, now: number): Promise<Request> {
  const request = only(await closedAll(store, now))
  expect(request.id).toBe(id)
  return request
}
