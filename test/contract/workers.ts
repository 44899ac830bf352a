import { expect } from 'vitest'
import type { Store } from '../../src/store/store.ts'
import { done, NOW, unfinished } from '../support/requests.ts'
import {
  audited,
  claimed,
  claimedOne,
  inserted,
  join,
  MINUTE,
  refused,
  SECOND,
  settled,
  swept,
  three,
} from './steps.ts'
import type { Promises } from './store.contract.ts'

const DEADLINE = NOW + 15 * SECOND
const AFTER = DEADLINE + 1

/** What a worker can rely on: it is known while it beats, and what it held is never lost. */
export const workers = {
  async 'a worker that was never there is not alive'(store) {
    expect((await store.beat('stranger', DEADLINE, NOW, 0)).alive).toBe(false)
  },

  async 'workers agree on how many they are, and each has a place of its own'(store) {
    const ids = ['worker-a', 'worker-b', 'worker-c']
    for (const id of ids) await join(store, id)
    const beats = await Promise.all(ids.map((id) => store.beat(id, DEADLINE, NOW, 0)))
    expect(beats.map(({ alive, workers }) => ({ alive, workers }))).toEqual(
      ids.map(() => ({ alive: true, workers: 3 })),
    )
    expect(beats.map(({ position }) => position).sort()).toEqual([0, 1, 2])
    const again = await Promise.all(ids.map((id) => store.beat(id, DEADLINE, NOW + SECOND, 0)))
    expect(again).toEqual(beats)
  },

  async 'when a worker leaves, the others close up'(store) {
    const ids = ['worker-a', 'worker-b', 'worker-c']
    for (const id of ids) await join(store, id)
    await store.leave('worker-a')
    expect((await store.beat('worker-a', DEADLINE, NOW, 0)).alive).toBe(false)
    const left = await Promise.all(ids.slice(1).map((id) => store.beat(id, DEADLINE, NOW, 0)))
    expect(left.map(({ workers }) => workers)).toEqual([2, 2])
    expect(left.map(({ position }) => position).sort()).toEqual([0, 1])
  },

  async 'what a worker holds when it leaves is ready again, and no one is blamed'(store) {
    await join(store)
    await join(store, 'worker-2')
    const request = await inserted(store, { total: 10 })
    const held = await claimed(store)
    await store.leave('worker-1')
    await refused(
      store,
      held.map((batch) => done(batch)),
    )
    const next = await claimed(store, { worker: 'worker-2' })
    expect(next.map(({ rescues }) => rescues)).toEqual([0, 0])
    expect((await audited(store, request)).completed).toBe(0)
  },

  async 'the batches of a dead worker are ready again, and its tokens are refused'(store) {
    const { held, request } = await death(store)
    expect(await swept(store, AFTER, 0)).toMatchObject({
      rescued: [{ worker: 'worker-1', batches: 2 }],
      repaired: [],
    })
    await refused(
      store,
      held.map((batch) => done(batch)),
    )
    const next = await claimed(store, { worker: 'worker-2', now: AFTER })
    expect(next.map(({ id }) => id).sort()).toEqual(held.map(({ id }) => id).sort())
    for (const { id, rescues, token } of next) {
      expect(rescues).toBe(1)
      expect(token).toBeGreaterThan(held.find((batch) => batch.id === id)?.token ?? token)
    }
    await settled(
      store,
      next.map((batch) => done(batch)),
    )
    expect(await audited(store, request)).toMatchObject({ state: 'completed', completed: 10 })
  },

  async 'what a dead worker had checkpointed stays'(store) {
    await join(store, 'worker-1', DEADLINE)
    await join(store, 'worker-2')
    const request = await inserted(store, { total: 5 })
    const checkpoint = unfinished(await claimedOne(store), { state: 'leased' }, { completed: 3 })
    await settled(store, [checkpoint])
    await swept(store, AFTER, 0)
    expect((await audited(store, request)).completed).toBe(3)
    const next = await claimedOne(store, { worker: 'worker-2', now: AFTER })
    expect(next.verdicts).toBe(checkpoint.verdicts)
  },

  async 'nobody is given up before the deadline'(store) {
    const { held } = await death(store)
    expect((await swept(store, DEADLINE - 1, 0)).rescued).toEqual([])
    await settled(
      store,
      held.map((batch) => done(batch)),
    )
  },

  async 'a beat moves the deadline'(store) {
    const { held } = await death(store)
    await store.beat('worker-1', DEADLINE + MINUTE, NOW + SECOND, 0)
    expect((await swept(store, AFTER, 0)).rescued).toEqual([])
    await settled(
      store,
      held.map((batch) => done(batch)),
    )
  },

  async 'the dead are rescued once, and then no longer counted'(store) {
    await death(store)
    expect((await store.beat('worker-2', NOW + MINUTE, NOW, 0)).workers).toBe(2)
    expect((await swept(store, AFTER, 0)).rescued).toHaveLength(1)
    expect((await swept(store, AFTER, 0)).rescued).toEqual([])
    const beat = await store.beat('worker-2', NOW + MINUTE, AFTER, 0)
    expect(beat).toMatchObject({ alive: true, workers: 1, position: 0 })
  },

  async 'a worker past its deadline is not counted, even before a sweep has found it'(store) {
    await death(store)
    const beat = await store.beat('worker-2', NOW + MINUTE, AFTER, 0)
    expect(beat).toMatchObject({ alive: true, workers: 1, position: 0 })
  },

  async 'a worker that is late, and not given up yet, is alive as soon as it beats'(store) {
    await join(store, 'worker-1', DEADLINE)
    const beat = await store.beat('worker-1', AFTER + MINUTE, AFTER, 0)
    expect(beat).toMatchObject({ alive: true, workers: 1, position: 0 })
  },

  async 'a worker that was given up learns it, gets nothing, and may join anew'(store) {
    await death(store)
    await swept(store, AFTER, 0)
    expect((await store.beat('worker-1', AFTER + MINUTE, AFTER, 0)).alive).toBe(false)
    expect(await claimed(store, { now: AFTER })).toEqual([])
    await join(store, 'worker-1')
    expect((await store.beat('worker-1', AFTER + MINUTE, AFTER, 0)).alive).toBe(true)
    expect(await claimed(store, { now: AFTER })).toHaveLength(2)
  },

  async 'a batch remembers how many workers died with it'(store) {
    await inserted(store)
    const rescues: number[] = []
    for (let death = 0; death < 4; death += 1) {
      const now = NOW + death * MINUTE
      const worker = `worker-${death}`
      await join(store, worker, now + 15 * SECOND)
      rescues.push((await claimedOne(store, { worker, now })).rescues)
      await swept(store, now + 16 * SECOND, 0)
    }
    expect(rescues).toEqual([0, 1, 2, 3])
  },

  async 'the batches a dead worker had let go of are not touched'(store) {
    await join(store, 'worker-1', DEADLINE)
    await join(store, 'worker-2')
    const request = await inserted(store, { total: 20 })
    const [ended, retried, released] = three(await claimed(store, { mappings: 15 }))
    await settled(store, [
      done(ended),
      unfinished(retried, { state: 'waiting', runAt: NOW }),
      unfinished(released, { state: 'ready' }),
    ])
    await swept(store, AFTER, 0)
    const next = await claimed(store, { worker: 'worker-2', now: AFTER })
    expect(next.map(({ rescues }) => rescues)).toEqual([0, 0, 0])
    expect((await audited(store, request)).completed).toBe(5)
  },
} satisfies Promises

/** Two workers, of which the first holds both batches of a request and will beat no more. */
async function death(store: Store) {
  await join(store, 'worker-1', DEADLINE)
  await join(store, 'worker-2')
  const request = await inserted(store, { total: 10 })
  const held = await claimed(store)
  expect(held).toHaveLength(2)
  return { request, held }
}
