import { beforeEach, describe, expect, test } from 'vitest'
import { tellFinished } from '../../src/dispatch/finished.ts'
import { Settler } from '../../src/dispatch/settler.ts'
import type { Event } from '../../src/observe/events.ts'
import { openMemoryStore } from '../../src/store/sqlite/memory.ts'
import { type Settlement, type Store, StoreUnavailable } from '../../src/store/store.ts'
import { claimed, claimedOne, inserted, join, two } from '../contract/steps.ts'
import { SimulatedClock } from '../sim/clock.ts'
import { done, unfinished } from '../support/requests.ts'
import { pass } from './time.ts'

let clock: SimulatedClock
let store: Store
let settler: Settler
/** The batches of every group that was sent, whether or not it arrived. */
let groups: (readonly number[])[]
let events: Event[]
let refused: number[]
/** More will come. */
let isBusy: boolean
/** How many of the next groups do not arrive. */
let failures: number

beforeEach(async () => {
  clock = new SimulatedClock()
  store = await openMemoryStore()
  groups = []
  events = []
  refused = []
  failures = 0
  isBusy = false
  settler = new Settler({
    store: { settle },
    clock,
    emit: (event) => events.push(event),
    isBusy: () => isBusy,
    onRefused: ({ batch }) => refused.push(batch),
    onFinished: (requests) => tellFinished(requests, store, (event) => events.push(event)),
  })
  await join(store)
})

async function settle(settlements: readonly Settlement[], now: number) {
  groups.push(settlements.map(({ batch }) => batch))
  failures -= 1
  if (failures >= 0) throw new StoreUnavailable('it is away')
  return store.settle(settlements, now)
}

test('what comes in one turn is written together', async () => {
  await inserted(store, { total: 15 })
  const settlements = (await claimed(store)).map((batch) => done(batch))
  await Promise.all(settlements.map((settlement) => settler.write(settlement)))
  expect(groups).toEqual([settlements.map(({ batch }) => batch)])
})

test('what comes while a group is on its way, or shortly after, is the next group', async () => {
  await inserted(store, { total: 15 })
  const [first, second, third] = await claimed(store)
  if (first === undefined || second === undefined || third === undefined) throw new Error('three')
  void settler.write(done(first))
  await Promise.resolve()
  void settler.write(done(second))
  await pass(clock, 1)
  void settler.write(done(third))
  expect(groups).toEqual([[first.id]])
  await pass(clock, 100)
  expect(groups).toEqual([[first.id], [second.id, third.id]])
})

test.each([
  ['at most 20 ms later', false, 20],
  ['at most 40 ms later where more is under way', true, 40],
])('it is written %s', async (_, busy, gap) => {
  isBusy = busy
  await inserted(store, { total: 15 })
  const [first, second] = await claimed(store)
  if (first === undefined || second === undefined) throw new Error('two')
  void settler.write(done(first))
  await pass(clock, 1)
  void settler.write(done(second))
  await pass(clock, gap - 2)
  expect(groups).toEqual([[first.id]])
  await pass(clock, 1)
  expect(groups).toEqual([[first.id], [second.id]])
})

test('a request that is finished is told of, once it is on disk', async () => {
  const request = await inserted(store, { total: 3 })
  await settler.write(done(await claimedOne(store), { failed: 1 }))
  const told = {
    event: 'request_finished',
    request: request.id,
    state: 'failed',
    total: 3,
    failed: 1,
  }
  expect(events).toEqual([expect.objectContaining(told)])
})

describe('a store that is away', () => {
  test('is asked again, more and more rarely, until it takes what was delivered', async () => {
    await inserted(store)
    failures = 4
    const settlement = done(await claimedOne(store))
    let isWritten = false
    void settler.write(settlement).then(() => {
      isWritten = true
    })
    await pass(clock, 0)
    const asked: number[] = []
    for (const wait of [50, 100, 200, 400]) {
      asked.push(groups.length)
      await pass(clock, wait - 1)
      asked.push(groups.length)
      await pass(clock, 1)
    }
    expect(asked).toEqual([1, 1, 2, 2, 3, 3, 4, 4])
    expect([groups.length, isWritten]).toEqual([5, true])
    expect(events.map(({ event }) => event)).toEqual([
      ...Array.from({ length: 4 }, () => 'store_unavailable'),
      'request_finished',
    ])
  })

  test('is asked once a second, however long it is away', async () => {
    await inserted(store)
    failures = 1000
    void settler.write(done(await claimedOne(store)))
    await pass(clock, 60_000)
    const before = groups.length
    await pass(clock, 10_000)
    expect(groups.length - before).toBe(10)
  })

  test('gets everything in the order in which it came', async () => {
    await inserted(store, { total: 5 })
    const batch = await claimedOne(store)
    failures = 2
    void settler.write(unfinished(batch, { state: 'leased' }, { completed: 2 }))
    await pass(clock, 0)
    const last = settler.write(done(batch))
    await pass(clock, 1000)
    await last
    expect(refused).toEqual([])
    expect(groups).toEqual([[batch.id], [batch.id], [batch.id], [batch.id]])
  })

  test('is waited for by whoever waits for everything to be written', async () => {
    await inserted(store)
    failures = 1
    void settler.write(done(await claimedOne(store)))
    let isWritten = false
    void settler.written().then(() => {
      isWritten = true
    })
    await pass(clock, 49)
    expect(isWritten).toBe(false)
    await pass(clock, 1)
    expect(isWritten).toBe(true)
  })
})

test('a settlement that comes too late is refused, told of, and leaves its neighbours alone', async () => {
  const request = await inserted(store, { total: 10 })
  const [stale, current] = two(await claimed(store))
  const late = { ...done(stale), token: stale.token - 1 }
  await Promise.all([settler.write(late), settler.write(done(current))])
  expect(refused).toEqual([stale.id])
  expect(events).toEqual([{ event: 'settlement_refused', batch: stale.id }])
  expect(await store.request('default', request.id)).toMatchObject({ completed: 5 })
})

test('what is dropped is not written, and nobody waits for it', async () => {
  await inserted(store)
  const written = settler.write(done(await claimedOne(store)))
  settler.drop()
  await written
  await settler.written()
  expect(groups).toEqual([])
})
