import { expect } from 'vitest'
import type { LaneWork, Store, WorkHint } from '../../src/store/store.ts'
import { done, LANE, NOW, newBatch, unfinished } from '../support/requests.ts'
import { claimed, claimedOne, inserted, join, SECOND, settled } from './steps.ts'
import type { Promises } from './store.contract.ts'

/** How a dispatcher learns what there is to do: the list of lanes, and the hints. */
export const work = {
  async 'an empty store has nothing to do'(store) {
    expect(await store.work(NOW)).toEqual({
      ...{ lanes: [], systems: [], epoch: 0, release: null, closing: [], toClose: false },
    })
  },

  async 'the last worker to have joined is told of, until it is gone'(store) {
    await join(store, 'worker-a')
    await join(store, 'worker-b')
    const { epoch } = await store.beat('worker-a', NOW + 15 * SECOND, NOW, 0)
    expect((await store.work(NOW)).epoch).toBe(epoch)
    await store.leave('worker-b')
    expect((await store.work(NOW)).epoch).toBeLessThan(epoch)
  },

  async 'each lane is listed with the rank that its next claim will give'(store) {
    await join(store)
    for (const [lane, total] of Object.entries({ crm: 5, erp: 25, shop: 500 })) {
      await inserted(store, { lane, total })
    }
    const { lanes } = await store.work(NOW)
    expect(lanes.map(({ lane }) => lane).sort()).toEqual(['crm', 'erp', 'shop'])
    for (const { lane, rank, due } of lanes) {
      expect(due).toBeNull()
      expect((await claimedOne(store, { lane })).rank).toBe(rank)
    }
  },

  async 'what is claimed or done is not work'(store) {
    await join(store)
    await inserted(store, { total: 10 })
    await settled(store, [done(await claimedOne(store))])
    await claimedOne(store)
    expect(await laneWork(store)).toMatchObject({ rank: null, due: null })
  },

  async 'a lane whose batches all wait tells when the first of them is due'(store) {
    await join(store)
    await inserted(store, { total: 15 })
    const batches = await claimed(store)
    await settled(
      store,
      batches.map((batch, place) =>
        unfinished(batch, { state: 'waiting', runAt: NOW + (3 - place) * SECOND }),
      ),
    )
    expect(await laneWork(store)).toEqual({ lane: LANE, rank: null, due: NOW + SECOND })
  },

  async 'a claim tells when the next waiting batch of each lane it asked for is due'(store) {
    await join(store)
    await inserted(store, { total: 15 })
    await inserted(store, { lane: 'erp', total: 1 })
    const batches = await claimed(store)
    await settled(
      store,
      batches.map((batch, place) =>
        unfinished(batch, { state: 'waiting', runAt: NOW + (3 - place) * SECOND }),
      ),
    )
    const wants = [LANE, 'erp'].map((lane) => ({ lane, mappings: 1, below: null, turn: 0 }))
    const { due } = await store.claim('worker-1', wants, NOW + SECOND)
    expect(due).toEqual([{ lane: LANE, at: NOW + 2 * SECOND }])
  },

  async 'a lane with both tells both'(store) {
    await join(store)
    await inserted(store, { total: 10 })
    const batch = await claimedOne(store)
    await settled(store, [unfinished(batch, { state: 'waiting', runAt: NOW + SECOND })])
    const told = await laneWork(store)
    expect(told.due).toBe(NOW + SECOND)
    expect((await claimedOne(store)).rank).toBe(told.rank)
  },

  async 'an insert hints at every lane it adds to, with the lowest rank it added'(store) {
    await join(store)
    const hints = new Map<WorkHint['lane'], WorkHint>()
    const both = Promise.withResolvers<void>()
    store.onWork((hint) => {
      if (hint.rank !== null) hints.set(hint.lane, hint)
      if (hints.size === 2) both.resolve()
    })
    const batches = ['crm', 'erp', 'crm', 'erp'].map((lane, place) => newBatch([place], { lane }))
    await inserted(store, { batches })
    await both.promise
    for (const lane of ['crm', 'erp']) {
      expect((await claimedOne(store, { lane })).rank).toBe(hints.get(lane)?.rank)
    }
  },

  async 'every listener is told, until it is undone'(store) {
    const told: string[] = []
    const undo = store.onWork(() => told.push('undone'))
    undo()
    const still = Promise.withResolvers<void>()
    store.onWork(() => still.resolve())
    await inserted(store)
    await still.promise
    expect(told).toEqual([])
  },
} satisfies Promises

/** The lane’s work; a store may leave out a lane that has none. */
async function laneWork(store: Store): Promise<LaneWork> {
  const { lanes } = await store.work(NOW)
  return lanes.find(({ lane }) => lane === LANE) ?? { lane: LANE, rank: null, due: null }
}
