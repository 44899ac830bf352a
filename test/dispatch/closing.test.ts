/** What workers do about a request that is cancelled, or whose time is over. */
import { beforeEach, describe, expect, test } from 'vitest'
import type { Request } from '../../src/core/request.ts'
import { openMemoryStore } from '../../src/store/sqlite/memory.ts'
import { type NewRequest, type Store, StoreUnavailable } from '../../src/store/store.ts'
import { LANE, TENANT } from '../support/requests.ts'
import { DELIVERED, refused, Stage } from './stage.ts'

let stage: Stage

beforeEach(async () => {
  stage = await Stage.open()
})

async function cancel({ id }: NewRequest): Promise<void> {
  await stage.store.cancel(TENANT, id, stage.clock.now())
}

async function found({ id }: NewRequest): Promise<Request> {
  const request = await stage.store.request(TENANT, id)
  if (request === null) throw new Error('it is gone')
  return request
}

/** Mappings are read at once, and written one at a time: one in each `per` milliseconds. */
function readAhead(per: number): void {
  stage.read = () => ({ kind: 'record', record: {} })
  stage.sourceLimits = { concurrency: 4, rate: null }
  const limits = { concurrency: 4, rate: [{ count: 1, per }] }
  stage.rules = { ...stage.rules, readable: true, limits }
}

/** Waits until an event was told of a request. */
async function told(event: string, { id: request }: NewRequest): Promise<void> {
  await stage.until(() =>
    stage.events.some((one) => one.event === event && 'request' in one && one.request === request),
  )
}

/** How many mappings of a finished request ended in each way. */
async function endings(request: NewRequest): Promise<Readonly<Record<string, number>>> {
  const results = await stage.finished(request)
  const states = Object.groupBy(results, ({ state }) => state)
  return Object.fromEntries(Object.entries(states).map(([state, all]) => [state, all.length]))
}

describe('a request that is cancelled', () => {
  test('starts no call any more; those under way end, and count', async () => {
    stage.latency = 5000
    stage.start()
    const request = await stage.post({ total: 100 })
    await stage.until(() => stage.calls.length > 0)
    const underWay = stage.calls.length
    await cancel(request)
    expect(await endings(request)).toEqual({ completed: underWay, cancelled: 100 - underWay })
    expect(stage.calls).toHaveLength(underWay)
    expect(await found(request)).toMatchObject({ state: 'cancelled' })
    await told('request_finished', request)
  })

  test('starts none a second later on any node, though none has heard of it', async () => {
    const store = await openMemoryStore()
    stage = new Stage({ ...store, onWork: () => () => {} })
    stage.latency = 100
    for (let node = 0; node < 3; node++) stage.start()
    await stage.pass(3000)
    const request = await stage.post({ total: 2000 })
    // Long enough for each to have some seconds' work in hand.
    await stage.pass(5000)
    const cancelledAt = stage.clock.now()
    await cancel(request)
    await stage.pass(10_000)
    const last = Math.max(...stage.calls.map(({ at }) => at))
    expect(last - cancelledAt).toBeLessThanOrEqual(1100)
    expect(await found(request)).toMatchObject({ state: 'cancelled' })
  })

  test('does not hold up another tenant’s request of the same id, as a callback’s is', async () => {
    stage.latencyOf = ({ target }) => (target === 'slow' ? 20_000 : 100)
    stage.start()
    const request = await stage.post({ lane: 'slow', total: 100 })
    const other = await stage.post({ total: 100, id: request.id, tenant: 'other' })
    await stage.until(() => stage.calls.some(({ target }) => target === 'slow'))
    await cancel(request)
    await stage.pass(10_000)
    expect(await found(request)).toMatchObject({ closing: 'cancelled', finishedAt: null })
    expect(await stage.store.request('other', other.id)).toMatchObject({ completed: 100 })
  })

  test('has its lane left to the others at once', async () => {
    stage.latency = 50
    stage.start()
    const first = await stage.post({ total: 1000 })
    const second = await stage.post({ total: 20 })
    await stage.until(() => stage.calls.length > 8)
    await cancel(first)
    const cancelledAt = stage.clock.now()
    await stage.finished(second)
    expect(stage.clock.now() - cancelledAt).toBeLessThan(1000)
  })

  test('does not try again what failed for a while', async () => {
    stage.answer = () => refused(500)
    stage.rules = { ...stage.rules, retry: { attempts: 50, first: 60_000, cap: 60_000 } }
    stage.start()
    const request = await stage.post({ total: 5 })
    await stage.until(() => stage.calls.length === 5)
    await stage.pass(1000)
    await cancel(request)
    expect(await endings(request)).toEqual({ cancelled: 5 })
    await stage.pass(200_000)
    expect(stage.calls).toHaveLength(5)
  })

  test('does not write what was read of it and waits for its turn, nor wait for that turn', async () => {
    readAhead(60_000)
    stage.start()
    const request = await stage.post({ total: 20 })
    await stage.until(() => stage.calls.length === 1 && stage.reads.length > 1)
    await stage.pass(500)
    const cancelledAt = stage.clock.now()
    await cancel(request)
    expect(await endings(request)).toEqual({ completed: 1, cancelled: 19 })
    expect(stage.clock.now() - cancelledAt).toBeLessThan(1000)
    expect(stage.calls).toHaveLength(1)
  })

  test('does not use up the turns of others that it was waiting for', async () => {
    readAhead(10_000)
    stage.start()
    const request = await stage.post({ total: 20 })
    await stage.until(() => stage.calls.length === 1 && stage.reads.length > 1)
    await cancel(request)
    await stage.finished(await stage.post({ total: 2 }))
    const [first = 0, ...others] = stage.calls.map(({ at }) => at)
    expect(others.map((at) => Math.round((at - first) / 10_000))).toEqual([1, 2])
  })

  test('is over at once where nobody has any of it in hand', async () => {
    stage.start()
    await stage.store.override(LANE, { paused: true })
    const request = await stage.post({ total: 10_000, batchSize: 1 })
    await stage.pass(2000)
    await cancel(request)
    expect(await endings(request)).toEqual({ cancelled: 10_000 })
    expect(stage.calls).toEqual([])
  })

  test('is cancelled to the end when its worker dies, or the store was away', async () => {
    const store = await openMemoryStore()
    let failures = 3
    const closeSome = async (now: number) => {
      failures -= 1
      if (failures >= 0) throw new StoreUnavailable('it is away')
      return store.closeSome(now)
    }
    stage = new Stage({ ...store, closeSome })
    stage.latency = 60_000
    const worker = stage.start()
    const request = await stage.post({ total: 3000, batchSize: 1 })
    await stage.until(() => stage.calls.length === 4)
    await cancel(request)
    worker.crash()
    stage.start()
    expect(await endings(request)).toEqual({ cancelled: 3000 })
    expect(stage.calls).toHaveLength(4)
  })
})

test('a worker that has stopped ends nothing more of what is closed', async () => {
  const store = await openMemoryStore()
  let pieces = 0
  const closeSome: Store['closeSome'] = async () => {
    pieces += 1
    return { expired: [], finished: [], more: true }
  }
  stage = new Stage({ ...store, closeSome })
  const worker = stage.start()
  await stage.store.override(LANE, { paused: true })
  await cancel(await stage.post({ total: 3000, batchSize: 1 }))
  await stage.until(() => pieces > 2)
  void worker.stop(stage.clock.now())
  await stage.pass(1000)
  const before = pieces
  await stage.pass(10_000)
  expect(pieces).toBe(before)
})

describe('a request whose time is over', () => {
  test('fails within two seconds, where it is not done', async () => {
    stage.start()
    await stage.store.override(LANE, { paused: true })
    const expiresAt = stage.clock.now() + 5000
    const request = await stage.post({ total: 10, terms: { expiresAt } })
    expect(await endings(request)).toEqual({ failed: 10 })
    expect(stage.clock.now()).toBeGreaterThanOrEqual(expiresAt)
    expect(stage.clock.now()).toBeLessThan(expiresAt + 2000)
    await told('request_closed', request)
    await told('request_finished', request)
  })

  test('keeps what is delivered by then, and starts nothing more', async () => {
    stage.latency = 400
    stage.start()
    const expiresAt = stage.clock.now() + 3000
    const request = await stage.post({ total: 100, terms: { expiresAt } })
    const results = await stage.finished(request)
    const delivered = results.filter(({ state }) => state === 'completed')
    expect(delivered).toHaveLength(stage.calls.length)
    expect(Math.max(...stage.calls.map(({ at }) => at))).toBeLessThan(expiresAt + 2000)
    for (const { state, error } of results)
      if (state === 'failed') expect(error?.code).toBe('expired')
  })

  test('is as it was where it was done before', async () => {
    stage.answer = () => DELIVERED
    stage.start()
    const expiresAt = stage.clock.now() + 60_000
    const request = await stage.post({ total: 10, terms: { expiresAt } })
    await stage.finished(request)
    await stage.pass(120_000)
    expect(await found(request)).toMatchObject({ state: 'completed', closing: null })
  })
})
