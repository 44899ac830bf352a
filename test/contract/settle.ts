import { expect } from 'vitest'
import { done, NOW, unfinished } from '../support/requests.ts'
import {
  allBatches,
  audited,
  claimed,
  claimedOne,
  DELICATE,
  inserted,
  join,
  only,
  refused,
  SECOND,
  settled,
  three,
  two,
} from './steps.ts'
import type { Promises } from './store.contract.ts'

/** What settle promises: who may write, that it counts once, and when a request is finished. */
export const settle = {
  async 'a request is finished by the settle that leaves it no open batch, and only once'(store) {
    await join(store)
    const request = await inserted(store, { total: 15 })
    const [first, second, third] = three(await claimed(store))
    expect((await settled(store, [done(first)], NOW + 1)).finished).toEqual([])
    expect((await settled(store, [done(third)], NOW + 2)).finished).toEqual([])
    expect(await audited(store, request)).toMatchObject({
      state: 'in_progress',
      completed: 10,
      finishedAt: null,
    })
    const { finished } = await settled(store, [done(second)], NOW + 3)
    const final = await audited(store, request)
    expect(finished).toEqual([final])
    expect(final).toMatchObject({ state: 'completed', completed: 15, finishedAt: NOW + 3 })
    await refused(store, [done(second)], NOW + 4)
    expect(await audited(store, request)).toEqual(final)
  },

  async 'one failed mapping makes the request failed'(store) {
    await join(store)
    const request = await inserted(store, { total: 10 })
    const [first, second] = two(await claimed(store))
    await settled(store, [done(first, { failed: 1, cancelled: 2 }), done(second)])
    const counts = { state: 'failed', completed: 7, failed: 1, cancelled: 2 }
    expect(await audited(store, request)).toMatchObject(counts)
  },

  async 'a cancelled mapping and no failed one make the request cancelled'(store) {
    await join(store)
    const request = await inserted(store, { total: 5 })
    await settled(store, [done(await claimedOne(store), { cancelled: 1 })])
    const counts = { state: 'cancelled', completed: 4, failed: 0, cancelled: 1 }
    expect(await audited(store, request)).toMatchObject(counts)
  },

  async 'every request that one settle finishes is named'(store) {
    await join(store)
    const requests = [await inserted(store), await inserted(store), await inserted(store)]
    const batches = await claimed(store)
    const { finished } = await settled(
      store,
      batches.map((batch) => done(batch)),
    )
    expect(new Set(finished.map(({ id }) => id))).toEqual(new Set(requests.map(({ id }) => id)))
  },

  async 'of the last two settles at once, one finishes the request'(store) {
    await join(store)
    const request = await inserted(store, { total: 10 })
    const batches = await claimed(store)
    const answers = await Promise.all(batches.map((batch) => settled(store, [done(batch)])))
    expect(only(answers.flatMap(({ finished }) => finished)).id).toBe(request.id)
    expect((await audited(store, request)).state).toBe('completed')
  },

  async 'what is settled is never claimed again'(store) {
    await join(store)
    await inserted(store, { total: 10 })
    await settled(store, [done(await claimedOne(store), { failed: 5 })])
    expect(await claimed(store)).toHaveLength(1)
    expect(await claimed(store)).toEqual([])
  },

  async 'a stale token is refused and writes nothing'(store) {
    await join(store)
    await join(store, 'worker-2')
    const request = await inserted(store, { total: 5 })
    const stale = await claimedOne(store)
    await settled(store, [unfinished(stale, { state: 'ready' }, { completed: 1 })])
    const current = await claimedOne(store, { worker: 'worker-2' })
    const before = [await audited(store, request), await allBatches(store, request.id)]
    await refused(store, [done(stale, { failed: 5 })])
    await refused(store, [unfinished(stale, { state: 'leased' }, { completed: 3 })])
    await refused(store, [unfinished(stale, { state: 'ready' })])
    await refused(store, [unfinished(stale, { state: 'waiting', runAt: NOW })])
    expect([await audited(store, request), await allBatches(store, request.id)]).toEqual(before)
    expect(await claimed(store)).toEqual([])
    await settled(store, [done(current)])
  },

  async 'the token is stale as soon as the batch is let go of, in whatever way'(store) {
    await join(store)
    await inserted(store, { total: 15 })
    const [released, retried, ended] = three(await claimed(store))
    await settled(store, [
      unfinished(released, { state: 'ready' }),
      unfinished(retried, { state: 'waiting', runAt: NOW + SECOND }),
      done(ended),
    ])
    await refused(store, [done(released), done(retried), done(ended)])
  },

  async 'a batch that never was is refused, however large its number'(store) {
    await join(store)
    await inserted(store)
    const batch = await claimedOne(store)
    await refused(store, [{ ...done(batch), batch: batch.id + 2 ** 40 }])
    await refused(store, [{ ...done(batch), token: batch.token + 2 ** 40 }])
    await settled(store, [done(batch)])
  },

  async 'a refused settlement takes no other with it'(store) {
    await join(store)
    const request = await inserted(store, { total: 10 })
    const [late, good] = two(await claimed(store))
    await settled(store, [unfinished(late, { state: 'ready' })])
    expect(await store.settle([done(late), done(good)], NOW)).toEqual({
      refused: [late.id],
      finished: [],
    })
    expect(await audited(store, request)).toMatchObject({ completed: 5, finishedAt: null })
  },

  async 'a checkpoint counts once, however often it is written, and keeps the lease'(store) {
    await join(store)
    const request = await inserted(store, { total: 5 })
    const batch = await claimedOne(store)
    const checkpoint = unfinished(batch, { state: 'leased' }, { completed: 2, failed: 1 })
    const counts = { state: 'in_progress', completed: 2, failed: 1 }
    for (let repeat = 0; repeat < 3; repeat += 1) {
      await settled(store, [checkpoint])
      expect(await audited(store, request)).toMatchObject(counts)
    }
    expect(await claimed(store)).toEqual([])
    await settled(store, [done(batch, { failed: 2 })])
    expect(await audited(store, request)).toMatchObject({ completed: 3, failed: 2 })
  },

  async 'a checkpoint that a later one has overtaken on its way is refused, and takes nothing back'(
    store,
  ) {
    await join(store)
    for (const state of ['completed', 'failed', 'cancelled']) {
      const request = await inserted(store, { total: 5 })
      const batch = await claimedOne(store)
      const late = unfinished(batch, { state: 'leased' }, { [state]: 1 })
      const later = unfinished(batch, { state: 'leased' }, { [state]: 2 })
      await settled(store, [late])
      await settled(store, [later])
      const before = [await audited(store, request), await allBatches(store, request.id)]
      await refused(store, [late])
      expect([await audited(store, request), await allBatches(store, request.id)]).toEqual(before)
      await settled(store, [done(batch, { [state]: 5 })])
      expect(await audited(store, request)).toMatchObject({ state, [state]: 5 })
    }
  },

  async 'a checkpoint of every mapping does not finish the request, the settle after it does'(
    store,
  ) {
    await join(store)
    const request = await inserted(store, { total: 5 })
    const batch = await claimedOne(store)
    const all = unfinished(batch, { state: 'leased' }, { completed: 5 })
    expect((await settled(store, [all])).finished).toEqual([])
    expect((await audited(store, request)).finishedAt).toBeNull()
    expect((await settled(store, [done(batch)])).finished).toEqual([await audited(store, request)])
  },

  async 'a released batch can be claimed at once, with what is known of it'(store) {
    await join(store)
    await inserted(store, { total: 5 })
    const batch = await claimedOne(store)
    const release = unfinished(batch, { state: 'ready' }, { completed: 3 })
    await settled(store, [release])
    expect(await claimedOne(store)).toEqual({
      ...batch,
      token: expect.any(Number),
      verdicts: release.verdicts,
    })
  },

  async 'the verdicts text comes back byte for byte'(store) {
    await join(store)
    const request = await inserted(store)
    const batch = await claimedOne(store)
    const result = `{"b":1, "a":1.50, "text":${JSON.stringify(DELICATE.join(''))}, "a":"\\u00e9"}`
    const verdicts = `[ ["completed",1,${NOW},48,${result}] ]`
    await settled(store, [{ ...done(batch), verdicts }])
    expect(only(await allBatches(store, request.id)).verdicts).toBe(verdicts)
  },

  async 'null for verdicts leaves those that are stored'(store) {
    await join(store)
    const request = await inserted(store, { total: 5 })
    const batch = await claimedOne(store)
    const release = unfinished(batch, { state: 'ready' }, { completed: 2 })
    await settled(store, [unfinished(batch, { state: 'leased' }, { completed: 2 })])
    await settled(store, [{ ...release, verdicts: null }])
    expect(await audited(store, request)).toMatchObject({ completed: 2, finishedAt: null })
    expect((await claimedOne(store)).verdicts).toBe(release.verdicts)
  },

  async 'the counters agree with a recount after every step of a batch’s life'(store) {
    await join(store)
    const request = await inserted(store, { total: 8, batchSize: 4 })
    const steps = [
      { next: { state: 'leased' }, finals: { completed: 1 } },
      { next: { state: 'ready' }, finals: { completed: 1, failed: 1 } },
      { next: { state: 'waiting', runAt: NOW }, finals: { completed: 1, failed: 2 } },
    ] as const
    for (const { next, finals } of steps) {
      const batch = await claimedOne(store)
      await settled(store, [unfinished(batch, next, finals)])
      expect(await audited(store, request)).toMatchObject(finals)
      if (next.state === 'leased')
        await settled(store, [unfinished(batch, { state: 'ready' }, finals)])
    }
    for (const batch of await claimed(store)) await settled(store, [done(batch, { failed: 2 })])
    expect(await audited(store, request)).toMatchObject({ completed: 4, failed: 4 })
  },

  async 'settling nothing is nothing'(store) {
    expect(await store.settle([], NOW)).toEqual({ refused: [], finished: [] })
  },
} satisfies Promises
