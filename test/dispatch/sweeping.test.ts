/** That what any worker does for all goes on for as long as there is something to do, and no longer. */
import { beforeEach, expect, test } from 'vitest'
import type { EpochMs } from '../../src/core/units.ts'
import { Sweeper } from '../../src/dispatch/sweeper.ts'
import type { Event } from '../../src/observe/events.ts'
import { type DispatchStore, StoreUnavailable } from '../../src/store/store.ts'
import { claimed, DAY, inserted, join, listed, SECOND, settled } from '../contract/steps.ts'
import { done } from '../support/requests.ts'
import { Stage } from './stage.ts'

const ONE_SWEEP = 25 * SECOND

let stage: Stage

beforeEach(async () => {
  stage = await Stage.open()
})

/** Has so many requests finished at a moment. */
async function finished(count: number, at: EpochMs): Promise<void> {
  await join(stage.store, 'worker-1', at + 365 * DAY)
  await Promise.all(Array.from({ length: count }, () => inserted(stage.store)))
  const batches = await claimed(stage.store, { now: at })
  await settled(
    stage.store,
    batches.map((batch) => done(batch)),
    at,
  )
  await stage.store.leave('worker-1')
}

test('one sweep deletes all that is old, however much, and clears all of it away', async () => {
  await finished(1700, stage.clock.now() - 2 * DAY)
  await finished(3, stage.clock.now())
  stage.start()
  await stage.pass(ONE_SWEEP)
  expect(await listed(stage.store)).toHaveLength(3)
  expect(await stage.store.clear(stage.clock.now())).toBe(false)
  const deleted = stage.events.flatMap((event) =>
    event.event === 'requests_deleted' ? [event.requests] : [],
  )
  expect(deleted).toEqual([500, 500, 500, 200])
})

test('the audit goes on where it was, and comes round to all that is open', async () => {
  for (let n = 0; n < 150; n += 1) await inserted(stage.store)
  const seen: number[] = []
  const events: Event[] = []
  const sweeper = sweeperOn(
    {
      ...stage.store,
      async audit(place, now) {
        seen.push(place.request)
        return stage.store.audit(place, now)
      },
    },
    events,
  )
  await stage.pass(ONE_SWEEP)
  expect(seen).toHaveLength(100)
  await stage.pass(ONE_SWEEP)
  expect(new Set(seen).size).toBe(151)
  await stage.pass(ONE_SWEEP)
  expect(seen.filter((place) => place === 0)).toHaveLength(2)
  expect(events).toEqual([])
  sweeper.stop()
})

test('a request that the audit repairs is told of', async () => {
  const events: Event[] = []
  let isFirst = true
  const sweeper = sweeperOn(
    {
      ...stage.store,
      async audit(place, now) {
        const audited = await stage.store.audit(place, now)
        const repaired = isFirst ? 'the request' : audited.repaired
        isFirst = false
        return { ...audited, repaired }
      },
    },
    events,
  )
  await stage.pass(2 * ONE_SWEEP)
  expect(events).toEqual([{ event: 'request_repaired', request: 'the request' }])
  sweeper.stop()
})

test('a sweep that takes long is not joined by another', async () => {
  const audit = Promise.withResolvers<void>()
  let audits = 0
  const sweeper = sweeperOn(
    {
      ...stage.store,
      async audit(place, now) {
        audits += 1
        await audit.promise
        return stage.store.audit(place, now)
      },
    },
    [],
  )
  await stage.pass(3 * ONE_SWEEP)
  expect(audits).toBe(1)
  audit.resolve()
  await stage.pass(ONE_SWEEP)
  expect(audits).toBe(2)
  sweeper.stop()
})

test('a store that is away ends a sweep, and the next one goes on', async () => {
  await finished(700, stage.clock.now() - 2 * DAY)
  let calls = 0
  const events: Event[] = []
  const sweeper = sweeperOn(
    {
      ...stage.store,
      async deleteOld(now, retainedSince) {
        calls += 1
        if (calls === 2) throw new StoreUnavailable('away')
        return stage.store.deleteOld(now, retainedSince)
      },
    },
    events,
  )
  await stage.pass(ONE_SWEEP)
  expect(await listed(stage.store)).toHaveLength(200)
  await stage.pass(ONE_SWEEP)
  expect(await listed(stage.store)).toEqual([])
  expect(events.map(({ event }) => event)).toEqual([
    ...['requests_deleted', 'store_unavailable', 'requests_deleted'],
  ])
  sweeper.stop()
})

test('a worker that stops leaves the rest to others', async () => {
  await finished(1700, stage.clock.now() - 2 * DAY)
  const events: Event[] = []
  const sweeper: Sweeper = sweeperOn(
    {
      ...stage.store,
      async deleteOld(now, retainedSince) {
        sweeper.stop()
        return stage.store.deleteOld(now, retainedSince)
      },
    },
    events,
  )
  await stage.pass(3 * ONE_SWEEP)
  expect(await listed(stage.store, { limit: 2000 })).toHaveLength(1200)
})

/** A sweeper by itself, at work. */
function sweeperOn(store: DispatchStore, events: Event[]): Sweeper {
  const sweeper = new Sweeper(store, stage.clock, (event) => events.push(event), DAY)
  sweeper.start()
  return sweeper
}
