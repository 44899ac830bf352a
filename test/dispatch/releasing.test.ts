/** That work which waits for its time, or comes in pieces, is begun when it should be. */
import { beforeEach, describe, expect, test } from 'vitest'
import { openMemoryStore } from '../../src/store/sqlite/memory.ts'
import { type Store, StoreUnavailable } from '../../src/store/store.ts'
import { received, staged } from '../contract/steps.ts'
import { newBatch } from '../support/requests.ts'
import { Stage } from './stage.ts'

let stage: Stage

beforeEach(async () => {
  stage = await Stage.open()
})

describe('a request that has come in pieces', () => {
  test('is begun as soon as it is whole, without waiting for a poll', async () => {
    stage.start()
    await stage.pass(1500)
    const wholeAt = stage.clock.now()
    await received(stage.store, { total: 3 })
    await stage.until(() => stage.calls.length > 0)
    expect(stage.clock.now() - wholeAt).toBeLessThan(300)
  })

  test('is made ready piece by piece, one right after the other', async () => {
    stage.start()
    await stage.pass(1500)
    const batches = Array.from({ length: 5000 }, (_, ordinal) => newBatch([ordinal]))
    await received(stage.store, { batches })
    await stage.pass(500)
    expect((await stage.store.work(stage.clock.now())).release).toBeNull()
  })
})

describe('a request with a time', () => {
  test('is begun when that has come, not before, and not much later', async () => {
    const at = stage.clock.now() + 3500
    const request = await stage.post({ terms: { notBefore: at }, createdAt: stage.clock.now() })
    stage.start()
    await stage.finished(request)
    expect(stage.calls[0]?.at).toBeGreaterThanOrEqual(at)
    expect(stage.calls[0]?.at).toBeLessThan(at + 300)
  })

  test('that comes soon is begun in time too', async () => {
    stage.start()
    await stage.pass(1500)
    const at = stage.clock.now() + 200
    await stage.post({ terms: { notBefore: at }, createdAt: stage.clock.now() })
    await stage.until(() => stage.calls.length > 0)
    expect(stage.calls[0]?.at).toBeGreaterThanOrEqual(at)
    expect(stage.calls[0]?.at).toBeLessThan(at + 300)
  })

  test('is begun although the store was away when it came', async () => {
    const store = await openMemoryStore()
    let isAway = true
    const release: Store['release'] = async (now) => {
      if (isAway) throw new StoreUnavailable('away')
      return store.release(now)
    }
    stage = new Stage({ ...store, release })
    const at = stage.clock.now() + 500
    await stage.post({ terms: { notBefore: at }, createdAt: stage.clock.now() })
    stage.start()
    await stage.pass(3000)
    expect(stage.calls).toEqual([])
    isAway = false
    await stage.pass(1500)
    expect(stage.calls).toHaveLength(1)
  })

  test('is not released by a worker that has been told to stop', async () => {
    const at = stage.clock.now() + 1000
    await stage.post({ terms: { notBefore: at }, createdAt: stage.clock.now() })
    const worker = stage.start()
    await stage.pass(500)
    void worker.stop(stage.clock.now() + 100)
    await stage.pass(3000)
    expect((await stage.store.work(stage.clock.now())).release).toBe(at)
  })
})

test('a worker that is told to stop while it releases a piece leaves the next to the others', async () => {
  const store = await openMemoryStore()
  let pieces = 0
  const release: Store['release'] = async (now) => {
    pieces += 1
    if (pieces === 3) void worker.stop(now)
    return now
  }
  stage = new Stage({ ...store, release })
  await stage.post({
    terms: { notBefore: stage.clock.now() + 500 },
    createdAt: stage.clock.now(),
  })
  const worker = stage.start()
  await stage.pass(10_000)
  expect(pieces).toBe(3)
})

test('what was given up is cleared away, all of it, with the next sweep', async () => {
  const store = await openMemoryStore()
  let pieces = 0
  const clear: Store['clear'] = async (now) => {
    pieces += 1
    return store.clear(now)
  }
  stage = new Stage({ ...store, clear })
  await store.abandon(await staged(store, { total: 1200, batchSize: 1 }))
  stage.start()
  await stage.pass(25_000)
  expect(pieces).toBeGreaterThan(3)
  expect(await store.clear(stage.clock.now())).toBe(false)
})
