import { expect } from 'vitest'
import { PRIORITIES } from '../../src/core/mapping.ts'
import { done, unfinished } from '../support/requests.ts'
import { claimed, claimedOne, expectAbout, inserted, join, settled, tally } from './steps.ts'
import type { Promises } from './store.contract.ts'

/** What rank promises: in which order a lane's batches are given, and that nothing starves. */
export const order = {
  async 'the batches of a request go in order of their ordinals'(store) {
    await join(store)
    await inserted(store, { total: 30 })
    const firsts: number[] = []
    for (let turn = 0; turn < 6; turn += 1) {
      firsts.push((await claimedOne(store, { turn })).ordinals.first)
    }
    expect(firsts).toEqual([0, 5, 10, 15, 20, 25])
  },

  async 'a small request overtakes a large one of the same tenant and priority'(store) {
    await join(store)
    await inserted(store, { total: 500 })
    await claimed(store, { mappings: 10 })
    const small = await inserted(store, { total: 5 })
    const next = await claimed(store, { mappings: 15 })
    expect(next.map(({ request }) => request)).toContain(small.id)
  },

  async 'HIGH, MEDIUM and LOW share a lane 16 : 4 : 1'(store) {
    await join(store)
    const priorities = new Map<string, string>()
    for (const priority of [...PRIORITIES].reverse()) {
      const { id } = await inserted(store, { priority, total: 500 })
      priorities.set(id, priority)
    }
    const counts = await tally(store, 84, ({ request }) => priorities.get(request) ?? 'unknown')
    expectAbout(counts['HIGH'], 64)
    expectAbout(counts['MEDIUM'], 16)
    expectAbout(counts['LOW'], 4)
  },

  async 'every eighth pick goes to the oldest batch, so that nothing starves'(store) {
    await join(store)
    const oldest = await inserted(store, { priority: 'LOW', total: 50 })
    await inserted(store, { priority: 'HIGH', total: 500 })
    const eight = await claimed(store, { mappings: 40, turn: 0 })
    expect(eight.filter(({ request }) => request === oldest.id)).toHaveLength(1)
    expect((await claimedOne(store, { turn: 15 })).request).toBe(oldest.id)
    expect((await claimedOne(store, { turn: 16 })).request).not.toBe(oldest.id)
  },

  async 'the turns of one claim are counted on from where the caller is'(store) {
    await join(store)
    const oldest = await inserted(store, { priority: 'LOW', total: 50 })
    await inserted(store, { priority: 'HIGH', total: 500 })
    const three = await claimed(store, { mappings: 15, turn: 5 })
    expect(three.filter(({ request }) => request === oldest.id)).toHaveLength(1)
    const six = await claimed(store, { mappings: 30, turn: 8 })
    expect(six.filter(({ request }) => request === oldest.id)).toHaveLength(0)
  },

  async 'many requests of one tenant share that tenant’s part'(store) {
    await join(store)
    for (let made = 0; made < 20; made += 1) await inserted(store, { tenant: 'many', total: 5 })
    await inserted(store, { tenant: 'one', total: 100 })
    const counts = await tally(store, 20, ({ tenant }) => tenant)
    expectAbout(counts['one'], 10)
  },

  async 'requests that have finished no longer weigh on their tenant'(store) {
    await join(store)
    for (let made = 0; made < 20; made += 1) {
      await inserted(store, { tenant: 'busy', total: 5 })
      await settled(store, [done(await claimedOne(store))])
    }
    await inserted(store, { tenant: 'busy', total: 50 })
    await inserted(store, { tenant: 'idle', total: 50 })
    const counts = await tally(store, 10, ({ tenant }) => tenant)
    expectAbout(counts['busy'], 5)
  },

  async 'a newcomer starts where the lane is, not before all that waits in it'(store) {
    await join(store)
    await inserted(store, { tenant: 'first', total: 200 })
    for (let turn = 0; turn < 10; turn += 1) {
      await settled(store, [done(await claimedOne(store))])
    }
    await claimedOne(store)
    await inserted(store, { tenant: 'second', total: 200 })
    const counts = await tally(store, 10, ({ tenant }) => tenant)
    expectAbout(counts['first'], 5)
  },

  async 'an urgent request ranks below what a worker already holds, so that it can overtake'(
    store,
  ) {
    await join(store)
    await inserted(store, { priority: 'LOW', total: 100 })
    const held = await claimed(store, { mappings: 20 })
    const urgent = await inserted(store, { priority: 'HIGH', total: 1 })
    const below = Math.min(...held.map(({ rank }) => rank))
    expect((await claimedOne(store, { below })).request).toBe(urgent.id)
    expect(await claimed(store, { below })).toEqual([])
  },

  async 'lanes do not weigh on one another'(store) {
    await join(store)
    await inserted(store, { lane: 'erp', total: 500 })
    const alone = await inserted(store, { lane: 'shop', total: 5 })
    const apart = await inserted(store, { lane: 'crm', total: 5 })
    const [one] = await claimed(store, { lane: 'shop' })
    const [other] = await claimed(store, { lane: 'crm' })
    expect([one?.request, other?.request]).toEqual([alone.id, apart.id])
    expect(one?.rank).toBe(other?.rank)
  },

  async 'a batch keeps its rank when it is released or retried'(store) {
    await join(store)
    await inserted(store, { total: 10 })
    const first = await claimedOne(store)
    await settled(store, [unfinished(first, { state: 'ready' })])
    const again = await claimedOne(store)
    expect([again.id, again.rank]).toEqual([first.id, first.rank])
  },
} satisfies Promises
