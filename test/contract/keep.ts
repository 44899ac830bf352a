import { expect } from 'vitest'
import { done, NOW, unfinished } from '../support/requests.ts'
import {
  audited,
  claimed,
  claimedOne,
  inserted,
  join,
  refused,
  SECOND,
  settled,
  three,
  two,
} from './steps.ts'
import type { Promises } from './store.contract.ts'

/** What keep promises a worker whose claim was carried out, and whose answer was lost. */
export const keep = {
  async 'what a worker was leased and does not hold is ready again, and no one is blamed'(store) {
    await join(store)
    await join(store, 'worker-2')
    const request = await inserted(store, { total: 15 })
    const [held, ...lost] = three(await claimed(store))
    await store.keep('worker-1', [held.id])
    await refused(
      store,
      lost.map((batch) => done(batch)),
    )
    const again = await claimed(store, { worker: 'worker-2' })
    expect(again).toEqual(lost.map((batch) => ({ ...batch, token: expect.any(Number) })))
    for (const [place, { token }] of again.entries()) {
      expect(token).toBeGreaterThan(lost[place]?.token ?? token)
    }
    await settled(
      store,
      [held, ...again].map((batch) => done(batch)),
    )
    expect(await audited(store, request)).toMatchObject({ state: 'completed', completed: 15 })
  },

  async 'a worker that holds everything keeps everything'(store) {
    await join(store)
    await inserted(store, { total: 10 })
    const held = await claimed(store)
    await store.keep(
      'worker-1',
      held.map(({ id }) => id),
    )
    expect(await claimed(store)).toEqual([])
    await settled(
      store,
      held.map((batch) => done(batch)),
    )
  },

  async 'a worker that holds nothing loses everything, and may claim it again'(store) {
    await join(store)
    await inserted(store, { total: 10 })
    const lost = await claimed(store)
    await store.keep('worker-1', [])
    const again = await claimed(store)
    expect(again.map(({ id }) => id)).toEqual(lost.map(({ id }) => id))
    await refused(
      store,
      lost.map((batch) => done(batch)),
    )
  },

  async 'what other workers hold is theirs, even where it is named'(store) {
    await join(store)
    await join(store, 'worker-2')
    await inserted(store, { total: 10 })
    const own = await claimedOne(store)
    const other = await claimedOne(store, { worker: 'worker-2' })
    await store.keep('worker-1', [other.id])
    await store.keep('stranger', [])
    await refused(store, [done(own)])
    await settled(store, [done(other)])
  },

  async 'what was checkpointed of it stays'(store) {
    await join(store)
    const request = await inserted(store, { total: 5 })
    const checkpoint = unfinished(await claimedOne(store), { state: 'leased' }, { completed: 3 })
    await settled(store, [checkpoint])
    await store.keep('worker-1', [])
    expect(await audited(store, request)).toMatchObject({ state: 'in_progress', completed: 3 })
    expect((await claimedOne(store)).verdicts).toBe(checkpoint.verdicts)
  },

  async 'what it has let go of already is not touched'(store) {
    await join(store)
    const request = await inserted(store, { total: 10 })
    const [ended, retried] = two(await claimed(store))
    const runAt = NOW + SECOND
    await settled(store, [done(ended), unfinished(retried, { state: 'waiting', runAt })])
    await store.keep('worker-1', [])
    expect(await claimed(store)).toEqual([])
    expect((await claimedOne(store, { now: runAt })).id).toBe(retried.id)
    expect((await audited(store, request)).completed).toBe(5)
  },
} satisfies Promises
