import { expect } from 'vitest'
import type { Beat, Store } from '../../src/store/store.ts'
import { NOW } from '../support/requests.ts'
import { join, MINUTE, SECOND, swept } from './steps.ts'
import type { Promises } from './store.contract.ts'

const DEADLINE = NOW + 15 * SECOND
const AFTER = DEADLINE + 1

/** How limits hold while workers come and go: who joins waits until the others have made room. */
export const joining = {
  async 'a worker that is alone is welcome at once'(store) {
    await join(store, 'worker-a')
    expect(await beat(store, 'worker-a', 0)).toMatchObject({ workers: 1, welcome: true })
  },

  async 'the epoch rises with every worker that joins, and all see the same'(store) {
    const epochs: number[] = []
    for (const id of ['worker-a', 'worker-b', 'worker-c']) {
      await join(store, id)
      const { epoch } = await beat(store, 'worker-a', 0)
      expect((await beat(store, id, 0)).epoch).toBe(epoch)
      epochs.push(epoch)
    }
    const [first = 0, second = 0, third = 0] = epochs
    expect(first).toBeGreaterThan(0)
    expect(second).toBeGreaterThan(first)
    expect(third).toBeGreaterThan(second)
  },

  async 'neither a beat nor joining once more is a new epoch'(store) {
    const epoch = await together(store, ['worker-a', 'worker-b'])
    await join(store, 'worker-a')
    for (const id of ['worker-a', 'worker-b']) {
      expect(await beat(store, id, epoch)).toMatchObject({ epoch, welcome: true })
    }
  },

  async 'who joins is welcome when every other worker has acted on it, and not before'(store) {
    const before = await together(store, ['worker-a', 'worker-b'])
    await join(store, 'worker-c')
    const { epoch, welcome } = await beat(store, 'worker-c', 0)
    expect(welcome).toBe(false)
    // That the others have heard of it is not yet that they have acted on it.
    expect((await beat(store, 'worker-a', before)).epoch).toBe(epoch)
    expect((await beat(store, 'worker-b', before)).epoch).toBe(epoch)
    expect((await beat(store, 'worker-c', epoch)).welcome).toBe(false)
    await beat(store, 'worker-a', epoch)
    expect((await beat(store, 'worker-c', epoch)).welcome).toBe(false)
    await beat(store, 'worker-b', epoch)
    expect((await beat(store, 'worker-c', epoch)).welcome).toBe(true)
  },

  async 'of two that join, the later waits for the earlier, whose part leaves room for both'(
    store,
  ) {
    await together(store, ['worker-a'])
    for (const id of ['worker-b', 'worker-c']) await join(store, id)
    const { epoch } = await beat(store, 'worker-a', 0)
    await beat(store, 'worker-a', epoch)
    expect((await beat(store, 'worker-c', epoch)).welcome).toBe(false)
    expect(await beat(store, 'worker-b', epoch)).toMatchObject({ welcome: true, workers: 3 })
    expect(await beat(store, 'worker-c', epoch)).toMatchObject({ welcome: true, workers: 3 })
  },

  async 'nobody who is at work waits for one that has joined and says nothing'(store) {
    const before = await together(store, ['worker-a', 'worker-b'])
    await join(store, 'worker-c')
    for (const id of ['worker-a', 'worker-b']) {
      expect((await beat(store, id, before)).welcome).toBe(true)
    }
  },

  async 'nobody waits for a worker that is dead, swept up or not'(store) {
    await join(store, 'worker-a')
    await join(store, 'worker-b', DEADLINE)
    await join(store, 'worker-c')
    const { epoch } = await beat(store, 'worker-a', 0)
    await beat(store, 'worker-a', epoch)
    expect((await beat(store, 'worker-c', epoch)).welcome).toBe(false)
    expect((await beat(store, 'worker-c', epoch, AFTER)).welcome).toBe(true)
    await swept(store, AFTER, 0)
    expect((await beat(store, 'worker-c', epoch, AFTER)).welcome).toBe(true)
  },

  async 'a beat that comes late takes nothing back of what a later one has said'(store) {
    await join(store, 'worker-a', DEADLINE)
    await join(store, 'worker-b')
    const { epoch } = await beat(store, 'worker-b', 0)
    await store.beat('worker-a', DEADLINE + 5 * SECOND, NOW + 5 * SECOND, epoch)
    await store.beat('worker-a', DEADLINE, NOW, 0)
    expect(await beat(store, 'worker-b', epoch, AFTER)).toMatchObject({ workers: 2, welcome: true })
  },

  async 'nobody waits for a worker that has left'(store) {
    await together(store, ['worker-a', 'worker-b'])
    await join(store, 'worker-c')
    const { epoch } = await beat(store, 'worker-a', 0)
    await beat(store, 'worker-a', epoch)
    expect((await beat(store, 'worker-c', epoch)).welcome).toBe(false)
    await store.leave('worker-b')
    expect((await beat(store, 'worker-c', epoch)).welcome).toBe(true)
  },

  async 'who leaves and comes back must be welcomed anew'(store) {
    const before = await together(store, ['worker-a', 'worker-b'])
    await store.leave('worker-b')
    await join(store, 'worker-b')
    const { epoch, welcome } = await beat(store, 'worker-b', before)
    expect(epoch).toBeGreaterThan(before)
    expect(welcome).toBe(false)
    await beat(store, 'worker-a', epoch)
    expect((await beat(store, 'worker-b', epoch)).welcome).toBe(true)
  },
} satisfies Promises

/** A beat of a worker that has acted on everything up to the epoch `seen`. */
function beat(store: Store, worker: string, seen: number, now = NOW): Promise<Beat> {
  return store.beat(worker, NOW + 60 * MINUTE, now, seen)
}

/** Joins these workers, and has them all know each other. Gives the epoch they are in. */
async function together(store: Store, ids: readonly string[]): Promise<number> {
  for (const id of ids) await join(store, id)
  const epochs = await Promise.all(ids.map(async (id) => (await beat(store, id, 0)).epoch))
  const epoch = Math.max(...epochs)
  for (const id of ids) await beat(store, id, epoch)
  for (const id of ids) expect(await beat(store, id, epoch)).toMatchObject({ epoch, welcome: true })
  return epoch
}
