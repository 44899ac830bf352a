import { expect } from 'vitest'
import {
  CALLBACK_LIFETIME_MS,
  callbackLane,
  callbackReport,
  callbackTenant,
  UNTOLD,
} from '../../src/core/callback.ts'
import { mappingAt, unpack } from '../../src/core/packed.ts'
import { NO_TERMS, type Request } from '../../src/core/request.ts'
import type { ClaimedBatch, NewRequest, Store } from '../../src/store/store.ts'
import {
  done,
  NOW,
  newBatch,
  type RequestOptions,
  TENANT,
  unfinished,
} from '../support/requests.ts'
import { closedAll, closedOne } from './cancel.ts'
import {
  allBatches,
  audited,
  claimed,
  claimedOne,
  DAY,
  DELICATE,
  inserted,
  join,
  listed,
  MINUTE,
  only,
  SECOND,
  settled,
  swept,
  three,
  two,
  waitingOf,
} from './steps.ts'
import type { Promises } from './store.contract.ts'

const URL = 'https://ops.example.com:8443/done?run=7'
const RECEIVER = callbackLane(URL)
const TELLING = { terms: { callbackUrl: URL } }

/** What is promised of callbacks: who wants to know of the end of a request is told, once, and of nothing else. */
export const callbacks = {
  async 'the settlement that finishes a request queues its callback'(store) {
    await join(store)
    const metadata = Object.fromEntries(DELICATE.map((text) => [text, text]))
    const request = await inserted(store, { ...TELLING, total: 10, priority: 'HIGH', metadata })
    const [first, second] = two(await claimed(store))
    await settled(store, [done(first, { failed: 2 })])
    expect(await queued(store)).toEqual([])
    await settled(store, [done(second)], NOW + SECOND)

    const callback = only(await queued(store))
    const { id } = request
    expect(callback).toMatchObject({ request: id, tenant: callbackTenant(TENANT), lane: RECEIVER })
    expect(callback).toMatchObject({ metadata: '{}', verdicts: null, rescues: 0, probe: false })
    expect(callback.ordinals).toEqual({ first: 0, last: 0, count: 1, list: null })
    const mapping = mappingAt(unpack(callback.mappings), 0, RECEIVER)
    expect(mapping).toMatchObject({ id, target: RECEIVER })
    const finished = await audited(store, request)
    expect(finished).toMatchObject({ state: 'failed', finishedAt: NOW + SECOND })
    expect(mapping?.data).toEqual({ ...finished, pace: null })
  },

  async 'its callback is a request of the same id, for somebody whom nobody can be'(store) {
    await join(store)
    const request = await finished(store, { ...TELLING, priority: 'LOW' })
    expect(await store.request(callbackTenant(TENANT), request.id)).toEqual({
      id: request.id,
      tenant: callbackTenant(TENANT),
      priority: 'LOW',
      state: 'pending',
      total: 1,
      completed: 0,
      failed: 0,
      cancelled: 0,
      createdAt: NOW,
      startedAt: null,
      finishedAt: null,
      metadata: {},
      terms: { ...NO_TERMS, expiresAt: NOW + CALLBACK_LIFETIME_MS },
      closing: null,
      pace: null,
    })
  },

  async 'it is carried out like anything else, and tells nobody in its turn'(store) {
    await join(store)
    const request = await finished(store, TELLING)
    const first = only(await queued(store))
    await settled(store, [unfinished(first, { state: 'waiting', runAt: NOW + SECOND })])
    expect(await queued(store)).toEqual([])
    const again = only(await claimed(store, { lane: RECEIVER, now: NOW + SECOND }))
    expect(again.token).toBeGreaterThan(first.token)
    const { finished: ended } = await settled(store, [done(again)])
    expect(only(ended)).toMatchObject({ id: request.id, tenant: callbackTenant(TENANT) })
    const batch = only(await allBatches(store, request.id, callbackTenant(TENANT)))
    expect(callbackReport(batch)).toEqual({ state: 'delivered', attempts: 1, error: null })
    expect(await store.work(NOW)).toMatchObject({ lanes: [] })
  },

  async 'a request that is cancelled queues it when it is ended, whoever ends it'(store) {
    await join(store)
    const whole = await inserted(store, { ...TELLING, total: 10 })
    await store.cancel(TENANT, whole.id, NOW)
    await tells(store, whole, { state: 'cancelled', closing: 'cancelled', cancelled: 10 })

    const letGo = await inserted(store, { ...TELLING, total: 5 })
    const held = await claimedOne(store)
    await store.cancel(TENANT, letGo.id, NOW)
    expect(await queued(store)).toEqual([])
    await settled(store, [unfinished(held, { state: 'ready' }, { completed: 2 })])
    await tells(store, letGo, { state: 'cancelled', completed: 2, cancelled: 3 })

    const under = await inserted(store, { ...TELLING, total: 5 })
    const last = await claimedOne(store)
    await store.cancel(TENANT, under.id, NOW)
    await settled(store, [done(last)])
    await tells(store, under, { state: 'completed', closing: 'cancelled', completed: 5 })

    const lost = await inserted(store, { ...TELLING, total: 5 })
    await join(store, 'dies', NOW + SECOND)
    await claimedOne(store, { worker: 'dies' })
    await store.cancel(TENANT, lost.id, NOW)
    await swept(store, NOW + MINUTE, 0)
    await closedAll(store, NOW + MINUTE)
    await tells(store, lost, { state: 'cancelled', cancelled: 5, finishedAt: NOW + MINUTE })
  },

  async 'a request that expires queues it, as does one that is cancelled before its time'(store) {
    await join(store)
    const expiring = { callbackUrl: URL, expiresAt: NOW + MINUTE }
    const request = await inserted(store, { terms: expiring, total: 10 })
    const early = { callbackUrl: URL, notBefore: NOW + DAY }
    const staged = await inserted(store, { terms: early, total: 3, createdAt: NOW })
    await closedOne(store, request, NOW + MINUTE)
    await tells(store, request, { state: 'failed', closing: 'expired', failed: 10 })
    await store.cancel(TENANT, staged.id, NOW + MINUTE)
    await tells(store, staged, { state: 'cancelled', cancelled: 3, startedAt: null })
  },

  async 'whoever listens hears of its lane, also where its request was closed'(store) {
    const request = await inserted(store, TELLING)
    const lanes: (string | null)[] = []
    const stop = store.onWork(({ lane }) => lanes.push(lane))
    await store.cancel(TENANT, request.id, NOW)
    stop()
    expect(lanes).toContain(RECEIVER)
  },

  async 'it expires a week after it was queued, and tells nobody in its turn'(store) {
    await join(store)
    const request = await finished(store, TELLING)
    const over = NOW + CALLBACK_LIFETIME_MS
    const waiting = only(await queued(store))
    await settled(store, [unfinished(waiting, { state: 'waiting', runAt: over + DAY })])
    expect(await store.closeSome(over - 1)).toMatchObject({ expired: [], finished: [] })
    const ended = await closedOne(store, request, over)
    expect(ended).toMatchObject({ tenant: callbackTenant(TENANT), state: 'failed' })
    const batch = only(await allBatches(store, request.id, callbackTenant(TENANT)))
    const report = { state: 'failed', attempts: 0, error: { code: 'expired' } }
    expect(callbackReport(batch)).toMatchObject(report)
    expect(await store.work(over)).toMatchObject({ lanes: [], closing: [], toClose: false })
    expect(await store.system(RECEIVER)).toMatchObject({ open: 0, leased: 0 })
    expect(await store.request(TENANT, request.id)).toMatchObject({ state: 'completed' })
  },

  async 'where it is closed in hand, it is named by its own tenant'(store) {
    await join(store)
    const { id } = await finished(store, TELLING)
    const held = only(await queued(store))
    const over = NOW + CALLBACK_LIFETIME_MS
    await closedAll(store, over)
    const named = { tenant: callbackTenant(TENANT), id }
    expect(await store.work(over)).toMatchObject({ closing: [named], toClose: false })
    const { finished: ended } = await settled(store, [unfinished(held, { state: 'ready' })], over)
    expect(ended).toMatchObject([{ ...named, state: 'failed', closing: 'expired' }])
  },

  async 'a request without one queues none, whatever its neighbours want'(store) {
    await join(store)
    await inserted(store)
    const telling = await inserted(store, TELLING)
    await inserted(store)
    await settled(
      store,
      (await claimed(store)).map((batch) => done(batch)),
    )
    expect(only(await queued(store)).request).toBe(telling.id)
  },

  async 'many that finish at once queue one each, and each receiver has its lane'(store) {
    await join(store)
    const urls = [
      'http://a.example/1',
      'http://a.example/2',
      'http://a.example:81/',
      'https://b.example/',
    ]
    for (const callbackUrl of urls) {
      for (const tenant of ['ours', 'theirs'])
        await inserted(store, { tenant, terms: { callbackUrl } })
    }
    await settled(
      store,
      (await claimed(store)).map((batch) => done(batch)),
    )
    const lanes = {
      'callback:http://a.example': 4,
      'callback:http://a.example:81': 2,
      'callback:https://b.example': 2,
    }
    expect((await store.work(NOW)).lanes.map(({ lane }) => lane)).toEqual(Object.keys(lanes))
    for (const [lane, count] of Object.entries(lanes)) {
      const batches = await claimed(store, { lane })
      expect(batches).toHaveLength(count)
      expect(new Set(batches.map(({ request }) => request)).size).toBe(count)
      await settled(
        store,
        batches.map((batch) => done(batch)),
      )
      expect(await store.system(lane)).toMatchObject({ open: 0, leased: 0 })
    }
    expect(await store.totals()).toEqual({ activeRequests: 0, openMappings: 0 })
  },

  async 'a callback that ends and one that begins in the same settlement add up'(store) {
    await join(store)
    await finished(store, TELLING)
    const callback = only(await queued(store))
    await inserted(store, TELLING)
    await settled(store, [done(callback), done(await claimedOne(store))])
    expect(await store.system(RECEIVER)).toMatchObject({ open: 1, leased: 0 })
    await settled(store, [done(only(await queued(store)))])
    expect(await store.system(RECEIVER)).toMatchObject({ open: 0, leased: 0 })
  },

  async 'a settlement that is refused, or comes again, queues nothing more'(store) {
    await join(store)
    await inserted(store, TELLING)
    const batch = await claimedOne(store)
    await settled(store, [done(batch)])
    expect(await store.settle([done(batch)], NOW)).toEqual({ refused: [batch.id], finished: [] })
    expect(await queued(store)).toHaveLength(1)
    expect(await queued(store)).toHaveLength(0)
  },

  async 'nobody sees it among requests, nor in the totals, and whoever asks for its lane sees it there'(
    store,
  ) {
    await join(store)
    const { id } = await finished(store, TELLING)
    expect(await listed(store)).toEqual([id])
    expect(await store.request(TENANT, id)).toMatchObject({ state: 'completed', total: 1 })
    expect(await allBatches(store, id)).toHaveLength(1)
    expect(await waitingOf(store, TENANT, id)).toEqual([])
    expect(await store.totals()).toEqual({ activeRequests: 0, openMappings: 0 })
    await inserted(store, { total: 3 })
    await inserted(store, { total: 2, lane: 'callbacks' })
    expect(await store.totals()).toEqual({ activeRequests: 2, openMappings: 5 })
    expect(await store.systemNames('', 10)).toEqual([RECEIVER, 'callbacks', 'crm'])
    expect(await store.system(RECEIVER)).toMatchObject({ open: 1, leased: 0, oldest: NOW })
  },

  async 'of one receiver, a tenant with many callbacks does not hold up one with few'(store) {
    await join(store)
    for (let n = 0; n < 20; n += 1) await inserted(store, { tenant: 'many', ...TELLING })
    await inserted(store, { tenant: 'few', ...TELLING })
    // In one settlement, and one after another.
    const batches = await claimed(store)
    const late = batches.slice(-5)
    await settled(
      store,
      batches.slice(0, -5).map((batch) => done(batch)),
    )
    for (const batch of late) await settled(store, [done(batch)])
    const next = await claimed(store, { lane: RECEIVER, mappings: 3 })
    expect(next.map(({ tenant }) => tenant)).toContain(callbackTenant('few'))
  },

  async 'whoever listens hears of its lane'(store) {
    await join(store)
    await inserted(store, TELLING)
    const batch = await claimedOne(store)
    const lanes: (string | null)[] = []
    const stop = store.onWork(({ lane }) => lanes.push(lane))
    await settled(store, [done(batch)])
    stop()
    expect(lanes).toContain(RECEIVER)
  },

  async 'it is kept as long as any request, from its own end on'(store) {
    await join(store)
    const { id } = await finished(store, TELLING)
    const later = NOW + 2 * DAY
    expect((await swept(store, later, NOW + DAY)).deleted).toBe(1)
    expect(await store.request(TENANT, id)).toBeNull()
    const callback = only(await claimed(store, { lane: RECEIVER, now: later }))
    await settled(store, [done(callback)], later)
    expect((await swept(store, later, NOW + DAY)).deleted).toBe(0)
    expect(await store.request(callbackTenant(TENANT), id)).toMatchObject({ state: 'completed' })
    expect((await swept(store, later + 1, later + 1)).deleted).toBe(1)
    expect(await store.request(callbackTenant(TENANT), id)).toBeNull()
  },

  async 'until it is tried, nothing is known of it'(store) {
    await join(store)
    const { id } = await finished(store, TELLING)
    const batch = only(await allBatches(store, id, callbackTenant(TENANT)))
    expect(callbackReport(batch)).toEqual(UNTOLD)
  },

  async 'a receiver that is gone is gone for its tenant and its URL alone'(store) {
    const gone = { tenant: 'ours', url: URL }
    const others = [
      { ...gone, tenant: 'theirs' },
      { ...gone, url: `${URL}&more` },
      { ...gone, url: 'https://b.example/' },
    ]
    for (let time = 0; time < 2; time += 1) await store.disableCallback(gone, NOW)
    expect(await store.isCallbackDisabled(gone)).toBe(true)
    for (const other of others) expect(await store.isCallbackDisabled(other)).toBe(false)
  },

  async 'what is gone is back when its lane is enabled, and no other is'(store) {
    const endpoints = ['/1', '/2', '/3'].map((path) => {
      return { tenant: TENANT, url: `https://a.example${path}` }
    })
    const other = { tenant: TENANT, url: 'https://a.example:444/1' }
    for (const endpoint of [...endpoints, other]) await store.disableCallback(endpoint, NOW)
    expect(await store.enableCallbacks(callbackLane('https://a.example/'))).toBe(3)
    expect(await store.enableCallbacks(callbackLane('https://a.example/'))).toBe(0)
    const [first] = three(endpoints)
    expect(await store.isCallbackDisabled(first)).toBe(false)
    expect(await store.isCallbackDisabled(other)).toBe(true)
  },

  async 'what was gone long ago is forgotten'(store) {
    const [old, recent] = ['/old', '/recent'].map((path) => ({ tenant: TENANT, url: URL + path }))
    if (old === undefined || recent === undefined) throw new Error('there are two')
    await store.disableCallback(old, NOW)
    await store.disableCallback(recent, NOW + DAY)
    await swept(store, NOW + 2 * DAY, NOW + DAY)
    expect(await store.isCallbackDisabled(old)).toBe(false)
    expect(await store.isCallbackDisabled(recent)).toBe(true)
  },

  async 'a request of many lanes is brought along as it is'(store) {
    await join(store)
    const batches = ['crm', 'erp', 'shop'].map((lane, at) => newBatch([at], { lane }))
    const request = await inserted(store, { ...TELLING, batches, sources: { crm: 2 } })
    for (const lane of ['crm', 'erp', 'shop']) {
      await settled(store, [done(await claimedOne(store, { lane }), { cancelled: 1 })])
    }
    const data = mappingAt(unpack(only(await queued(store)).mappings), 0, RECEIVER)?.data
    expect(data).toEqual({ ...(await audited(store, request)), pace: null })
    expect(data).toMatchObject({ state: 'cancelled', cancelled: 3 })
  },
} satisfies Promises

/** Expects the one callback that is queued to tell of this request, as it stands; carries it out. */
async function tells(store: Store, request: NewRequest, as: Partial<Request>): Promise<void> {
  const now = NOW + MINUTE
  const callback = only(await claimed(store, { lane: RECEIVER, now }))
  const finished = await audited(store, request)
  expect(finished).toMatchObject(as)
  const data = mappingAt(unpack(callback.mappings), 0, RECEIVER)?.data
  expect(data).toEqual({ ...finished, pace: null })
  await settled(store, [done(callback)], now)
}

/** Claims every callback to the one receiver that is due. */
function queued(store: Store): Promise<readonly ClaimedBatch[]> {
  return claimed(store, { lane: RECEIVER })
}

/** Takes in a request of one mapping and carries it out. */
async function finished(store: Store, options: RequestOptions): Promise<NewRequest> {
  const request = await inserted(store, options)
  await settled(store, [done(await claimedOne(store))])
  return request
}
