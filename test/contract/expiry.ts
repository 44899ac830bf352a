import { expect } from 'vitest'
import { EXPIRED } from '../../src/core/closed.ts'
import { resultsOf } from '../../src/core/results.ts'
import { done, ERROR, LANE, NOW, newBatch, TENANT, unfinished } from '../support/requests.ts'
import { closedAll, closedOne, nameOf } from './cancel.ts'
import {
  allBatches,
  audited,
  claimed,
  claimedOne,
  inserted,
  join,
  MINUTE,
  SECOND,
  settled,
} from './steps.ts'
import type { Promises } from './store.contract.ts'

const LATER = NOW + MINUTE
const terms = { expiresAt: LATER }

/** What a time limit promises: what is still open when it is over fails as expired, and is told so. */
export const expiry = {
  async 'a request is closed when its time is over, and not a millisecond before'(store) {
    const request = await inserted(store, { total: 10, terms })
    const untouched = { expired: [], finished: [], more: false }
    expect(await store.work(LATER - 1)).toMatchObject({ toClose: false })
    expect(await store.closeSome(LATER - 1)).toEqual(untouched)
    expect(await store.work(LATER)).toMatchObject({ toClose: true })
    const { expired, finished } = await store.closeSome(LATER)
    expect(expired.map(({ id, closing }) => [id, closing])).toEqual([[request.id, 'expired']])
    const final = await audited(store, request)
    expect(finished).toEqual([final])
    expect(final).toMatchObject({ state: 'failed', failed: 10, finishedAt: LATER })
    expect(await store.closeSome(LATER)).toEqual(untouched)
    expect(await store.totals()).toEqual({ activeRequests: 0, openMappings: 0 })
  },

  async 'that something has expired is hinted at, to all'(store) {
    await inserted(store, { terms })
    const told = Promise.withResolvers<void>()
    store.onWork(({ lane }) => {
      if (lane === null) told.resolve()
    })
    await store.closeSome(LATER)
    await told.promise
  },

  async 'what was open has failed as expired, and what its last attempt said is kept'(store) {
    await join(store)
    const request = await inserted(store, { total: 3, terms })
    const batch = await claimedOne(store)
    const verdicts = JSON.stringify([
      ['completed', 1, NOW, 48, {}],
      ['pending', 2, NOW, ERROR],
      null,
    ])
    const retry = unfinished(batch, { state: 'waiting', runAt: LATER }, { completed: 1 })
    await settled(store, [{ ...retry, verdicts }])
    await closedOne(store, request, LATER)
    const results = (await allBatches(store, request.id)).flatMap((one) =>
      resultsOf(one, { from: 0, state: null }),
    )
    const failed = { state: 'failed', finishedAt: LATER, duration: 0 }
    expect(results).toMatchObject([
      { state: 'completed' },
      { ...failed, attempts: 2, error: { code: 'expired', stage: 'write', httpStatus: null } },
      { ...failed, attempts: 0, error: EXPIRED },
    ])
    expect(results[1]?.error?.message).toContain(ERROR.message)
  },

  async 'a group of failures for each target counts them, with a mapping that was open'(store) {
    await join(store)
    const batches = [newBatch([0, 1]), newBatch([2, 3, 4]), newBatch([5], { lane: 'erp' })]
    const request = await inserted(store, { batches, terms })
    const first = await claimedOne(store)
    await settled(store, [unfinished(first, { state: 'ready' }, { completed: 1 })])
    await closedOne(store, request, LATER)
    const group = { code: 'expired', httpStatus: null, message: EXPIRED.message }
    expect(await store.failures(TENANT, request.id)).toEqual([
      { ...group, target: LANE, count: 4, sample: 'map_1' },
      { ...group, target: 'erp', count: 1, sample: 'map_5' },
    ])
    await audited(store, request)
  },

  async 'what is in hand ends and counts; what is left of it has expired'(store) {
    await join(store)
    const request = await inserted(store, { total: 10, terms })
    const [first, second] = await claimed(store)
    if (first === undefined || second === undefined) throw new Error('two')
    await closedAll(store, LATER)
    expect(await store.work(LATER)).toMatchObject({ closing: [nameOf(request)], toClose: false })
    await settled(store, [done(first)], LATER)
    const letGo = unfinished(second, { state: 'ready' }, { completed: 1, failed: 1 })
    await settled(store, [letGo], LATER)
    const counts = { state: 'failed', completed: 6, failed: 4 }
    expect(await audited(store, request)).toMatchObject(counts)
    const groups = await store.failures(TENANT, request.id)
    expect(groups).toMatchObject([
      { code: 'expired', count: 3, sample: 'map_7' },
      { code: ERROR.code, count: 1 },
    ])
  },

  async 'a request may expire before its time has come'(store) {
    const early = { expiresAt: LATER, notBefore: LATER + MINUTE }
    const request = await inserted(store, { total: 5, terms: early, createdAt: NOW })
    await closedOne(store, request, LATER)
    expect(await audited(store, request)).toMatchObject({ state: 'failed', failed: 5 })
    expect(await store.totals()).toEqual({ activeRequests: 0, openMappings: 0 })
  },

  async 'a request that is done in time does not expire'(store) {
    await join(store)
    const request = await inserted(store, { total: 5, terms })
    await settled(store, [done(await claimedOne(store))])
    expect(await store.closeSome(LATER)).toMatchObject({ expired: [], finished: [] })
    expect(await audited(store, request)).toMatchObject({ state: 'completed', closing: null })
  },

  async 'a request that was cancelled before does not expire, and the other way round'(store) {
    await join(store)
    const cancelled = await inserted(store, { total: 5, terms })
    const expired = await inserted(store, { total: 5, terms })
    const held = await claimed(store)
    await store.cancel(TENANT, cancelled.id, NOW)
    await closedAll(store, LATER)
    expect(await audited(store, cancelled)).toMatchObject({ closing: 'cancelled' })
    const unchanged = await store.cancel(TENANT, expired.id, LATER)
    expect(unchanged).toEqual({ kind: 'unchanged', request: await audited(store, expired) })
    expect(await audited(store, expired)).toMatchObject({ closing: 'expired' })
    const letGo = held.map((batch) => unfinished(batch, { state: 'ready' }))
    await settled(store, letGo, LATER)
    expect(await audited(store, cancelled)).toMatchObject({ state: 'cancelled', cancelled: 5 })
    expect(await audited(store, expired)).toMatchObject({ state: 'failed', failed: 5 })
    expect(await store.cancel(TENANT, expired.id, LATER)).toEqual({ kind: 'finished' })
  },

  async 'however many are over at once, all of them are closed'(store) {
    const requests = []
    for (let made = 0; made < 150; made += 1) {
      requests.push(await inserted(store, { total: 2, terms }))
    }
    const open = await inserted(store, { terms: { expiresAt: LATER + SECOND } })
    expect(await closedAll(store, LATER)).toHaveLength(150)
    for (const request of requests) {
      expect(await audited(store, request)).toMatchObject({ state: 'failed', failed: 2 })
    }
    expect(await audited(store, open)).toMatchObject({ state: 'pending' })
  },
} satisfies Promises
