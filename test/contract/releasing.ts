import { expect } from 'vitest'
import type { WorkHint } from '../../src/store/store.ts'
import { done, LANE, NOW, newBatch, TENANT } from '../support/requests.ts'
import {
  audited,
  claimed,
  claimedOne,
  expectAbout,
  inserted,
  join,
  MINUTE,
  received,
  released,
  SECOND,
  settled,
  swept,
  tally,
} from './steps.ts'
import type { Promises } from './store.contract.ts'

const LATER = NOW + MINUTE
const EARLY = { terms: { notBefore: LATER } }

/** What is promised of requests that wait for their release: for their time, or to be ranked. */
export const releasing = {
  async 'a request whose time has not come is pending, counted, and not to be claimed'(store) {
    await join(store)
    const requests = [await inserted(store, { total: 7, ...EARLY }), await received(store, EARLY)]
    for (const request of requests) {
      expect(await audited(store, request)).toMatchObject({ state: 'pending', startedAt: null })
    }
    expect(await store.totals()).toEqual({ activeRequests: 2, openMappings: 8 })
    expect(await store.system(LANE)).toMatchObject({ open: 8, leased: 0, waiting: 8 })
    expect(await store.systemNames('', 10)).toEqual([LANE])
    expect(await store.work(NOW)).toMatchObject({ lanes: [], release: LATER })
    expect(await store.release(LATER - 1)).toBe(LATER)
    expect(await claimed(store, { now: LATER })).toEqual([])
  },

  async 'that it waits for its time is hinted at, to all'(store) {
    const told = Promise.withResolvers<void>()
    store.onWork(({ lane }) => {
      if (lane === null) told.resolve()
    })
    await inserted(store, EARLY)
    await told.promise
  },

  async 'one that is cancelled before its time is no longer waited for, however large'(store) {
    const batches = Array.from({ length: 1500 }, (_, at) => newBatch([at]))
    const { id } = await inserted(store, { batches, ...EARLY })
    await store.cancel(TENANT, id, NOW)
    expect((await store.work(NOW)).release).toBeNull()
    expect(await store.release(LATER)).toBeNull()
  },

  async 'one that is cancelled before its time weighs nothing, and takes nothing off'(store) {
    await inserted(store, { total: 5 })
    const prospect = { tenant: TENANT, priority: 'MEDIUM', mappings: 1 } as const
    const before = await store.load(LANE, prospect)
    const { id } = await inserted(store, EARLY)
    await store.cancel(TENANT, id, NOW)
    expect(await store.load(LANE, prospect)).toEqual(before)
  },

  async 'when its time has come it is released, and carried out'(store) {
    await join(store)
    const request = await inserted(store, { total: 7, ...EARLY })
    await released(store, LATER)
    expect((await store.work(LATER)).release).toBeNull()
    expect(await store.system(LANE)).toMatchObject({ open: 7, leased: 0, waiting: 0 })
    const batches = await claimed(store, { now: LATER })
    await settled(
      store,
      batches.map((batch) => done(batch)),
      LATER,
    )
    expect(await audited(store, request)).toMatchObject({ state: 'completed', startedAt: LATER })
    expect(await store.systemNames('', 10)).toEqual([])
  },

  async 'the first of several times is the one that is told'(store) {
    for (const after of [3, 1, 2]) {
      await inserted(store, { terms: { notBefore: NOW + after * MINUTE } })
    }
    expect((await store.work(NOW)).release).toBe(NOW + MINUTE)
    expect(await store.release(NOW)).toBe(NOW + MINUTE)
    await released(store, NOW + MINUTE)
    expect((await store.work(NOW)).release).toBe(NOW + 2 * MINUTE)
  },

  async 'a time that is over when a request comes holds nothing up'(store) {
    await join(store)
    await inserted(store, { terms: { notBefore: NOW - 1 } })
    expect((await store.work(NOW)).release).toBeLessThan(NOW)
    await released(store)
    expect(await claimed(store)).toHaveLength(1)
  },

  async 'a request is ranked when it is released: it does not overtake those who came before'(
    store,
  ) {
    await join(store)
    for (const comes of [inserted, received]) {
      const lane = comes.name
      await comes(store, { tenant: 'early', lane, total: 200, ...EARLY })
      await inserted(store, { tenant: 'steady', lane, total: 200 })
      for (let turn = 0; turn < 10; turn++) {
        await settled(store, [done(await claimedOne(store, { lane }))])
      }
      await claimedOne(store, { lane })
    }
    await released(store, LATER)
    for (const lane of [inserted.name, received.name]) {
      const counts = await tally(store, 10, ({ tenant }) => tenant, { lane })
      expectAbout(counts['steady'], 5)
    }
  },

  async 'before its time a request does not weigh on its tenant'(store) {
    await join(store)
    for (let made = 0; made < 20; made++) await inserted(store, { tenant: 'busy', ...EARLY })
    await inserted(store, { tenant: 'busy', total: 50 })
    await inserted(store, { tenant: 'idle', total: 50 })
    expectAbout((await tally(store, 10, ({ tenant }) => tenant))['busy'], 5)
  },

  async 'from its time on it does, until it has finished'(store) {
    await join(store)
    for (let made = 0; made < 20; made++) {
      await inserted(store, { tenant: 'busy', lane: 'erp', ...EARLY })
      await received(store, { tenant: 'busy', ...EARLY })
    }
    await released(store, LATER)
    for (const lane of [LANE, 'erp']) await inserted(store, { tenant: 'busy', lane, total: 50 })
    for (const lane of [LANE, 'erp']) await inserted(store, { tenant: 'idle', lane, total: 500 })
    // Past the twenty small ones, the large one of the tenant that has so many goes on slowly.
    const counts = await tally(store, 36, ({ tenant, ordinals }) => `${tenant} ${ordinals.count}`)
    expect(counts['busy 5'] ?? 0).toBeLessThan(3)
    for (const lane of [LANE, 'erp']) {
      await store.leave('worker-1')
      await join(store)
      const batches = await claimed(store, { lane })
      await settled(
        store,
        batches.map((batch) => done(batch)),
      )
    }
    expect(await store.totals()).toEqual({ activeRequests: 0, openMappings: 0 })
    await inserted(store, { tenant: 'busy', total: 50 })
    await inserted(store, { tenant: 'idle', total: 50 })
    expectAbout((await tally(store, 10, ({ tenant }) => tenant))['busy'], 5)
  },

  async 'many batches become ready in pieces, in order, as if all at once'(store) {
    await join(store)
    const lanes = ['crm', 'erp']
    const batches = Array.from({ length: 5000 }, (_, ordinal) =>
      newBatch([ordinal], { lane: lanes[ordinal % 2] ?? '' }),
    )
    const request = await received(store, { batches })
    await inserted(store, { total: 1 })
    expect(await released(store)).toBeGreaterThan(2)
    for (const lane of lanes) {
      const found = (await claimed(store, { lane })).filter(({ tenant, request: of }) => {
        return of === request.id && tenant === request.tenant
      })
      expect(found).toHaveLength(2500)
      const steps = found.map(({ rank }, place) => rank - (found[place - 1]?.rank ?? 0))
      expect(new Set(steps.slice(2))).toEqual(new Set([steps[2]]))
      expect(found.map(({ ordinals }) => ordinals.first)).toEqual(
        found.map((_, place) => 2 * place + lanes.indexOf(lane)),
      )
    }
  },

  async 'while a large request becomes ready, a small one does not wait for it'(store) {
    await join(store)
    await received(store, { batches: Array.from({ length: 7000 }, (_, at) => newBatch([at])) })
    await store.release(NOW)
    const small = await received(store, { lane: 'erp', total: 1 })
    await store.release(NOW)
    await store.release(NOW)
    expect((await claimedOne(store, { lane: 'erp' })).request).toBe(small.id)
    expect((await store.work(NOW)).release).toBeLessThanOrEqual(NOW)
  },

  async 'large requests become ready side by side'(store) {
    await join(store)
    for (const lane of ['crm', 'erp']) {
      const batches = Array.from({ length: 7000 }, (_, at) => newBatch([at], { lane }))
      await received(store, { batches })
    }
    for (let call = 0; call < 5; call++) await store.release(NOW)
    for (const lane of ['crm', 'erp']) {
      expect((await claimed(store, { lane })).length).toBeGreaterThan(3000)
    }
  },

  async 'one that waits for its time stays counted when others of its lane finish'(store) {
    await join(store)
    await inserted(store, { total: 7, ...EARLY })
    await inserted(store, { total: 2 })
    await settled(store, [done(await claimedOne(store))])
    await swept(store, NOW, 0)
    expect(await store.totals()).toEqual({ activeRequests: 1, openMappings: 7 })
    expect(await store.systemNames('', 10)).toEqual([LANE])
  },

  async 'what is released is hinted at, with the lowest rank; that it waits, to all'(store) {
    await join(store)
    const hints: WorkHint[] = []
    const told = Promise.withResolvers<void>()
    store.onWork((hint) => {
      hints.push(hint)
      if (hint.lane === LANE) told.resolve()
    })
    await received(store, { total: 20 })
    await released(store)
    await told.promise
    expect(hints).toContainEqual({ lane: null, rank: null })
    const { rank } = await claimedOne(store)
    expect(hints).toContainEqual({ lane: LANE, rank })
  },

  async 'a release with nothing to do does nothing'(store) {
    const request = await inserted(store, { total: 3 })
    const before = await store.work(NOW)
    expect(await store.release(NOW + SECOND)).toBeNull()
    expect(await store.work(NOW)).toEqual(before)
    await audited(store, request)
  },
} satisfies Promises
