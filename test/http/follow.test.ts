import { describe, expect, test } from 'vitest'
import { UNTOLD } from '../../src/core/callback.ts'
import type { Request } from '../../src/core/request.ts'
import { createFollowing, type Following } from '../../src/http/follow.ts'
import { statusOf } from '../../src/http/status.ts'
import type { Snapshot } from '../../src/http/watch.ts'
import { pass } from '../dispatch/time.ts'
import { everythingThatFollows, SimulatedClock } from '../sim/clock.ts'
import { NOW, newRequest } from '../support/requests.ts'

const ID = 'a'
const NEVER = new Promise<void>(() => {})

/** One request that a test carries on by hand, and how often it was looked at. */
function aRequest(clock: SimulatedClock) {
  const { id, tenant, priority, metadata, terms, createdAt } = newRequest()
  const base = { id, tenant, priority, metadata, terms, createdAt, closing: null, pace: null }
  let request: Request | null = {
    ...{ ...base, state: 'in_progress', total: 1000, completed: 0, failed: 0, cancelled: 0 },
    ...{ startedAt: createdAt, finishedAt: null },
  }
  const looks: number[] = []
  let fault: Error | null = null
  let gate = Promise.resolve()
  const following = createFollowing(async () => {
    looks.push(clock.now())
    if (fault !== null) throw fault
    const status = request === null ? null : statusOf(request, [], clock.now(), UNTOLD)
    await gate
    return status
  }, clock)
  return {
    looks,
    following,
    complete(completed: number) {
      if (request === null) return
      const isDone = completed === request.total
      request = { ...request, completed, ...(isDone && { state: 'completed', finishedAt: NOW }) }
    },
    remove() {
      request = null
    },
    /** Holds up the answers of looks until what it gives is called. */
    holdUp() {
      const { promise, resolve } = Promise.withResolvers<void>()
      gate = promise
      return resolve
    },
    breakStore(error: Error | null) {
      fault = error
    },
  }
}

/** Follows it and writes down what is told. */
async function listen(following: Following) {
  const told: (number | 'ended')[] = []
  const first = await following.look(ID)
  if (first === null) throw new Error('it must be there')
  const leave = following.follow(ID, first, {
    told: (snapshot) => told.push(countOf(snapshot)),
    ended: () => told.push('ended'),
  })
  return { told, leave }
}

function countOf({ status }: Snapshot): number {
  return status.processed_mappings
}

describe('following a request', () => {
  test('costs one look at each change, however many listen', async () => {
    const clock = new SimulatedClock()
    const { looks, following, complete } = aRequest(clock)
    const listeners = await Promise.all(Array.from({ length: 5000 }, () => listen(following)))
    expect(looks).toHaveLength(1)
    for (const completed of [250, 500, 750, 1000]) {
      complete(completed)
      await pass(clock, 250)
      // They are told a hundred at a time.
      for (let turn = 0; turn < 50; turn++) await everythingThatFollows()
    }
    expect(looks).toHaveLength(5)
    for (const { told } of listeners) expect(told).toEqual([250, 500, 750, 1000])
  })

  test('looks four times a second at most, though it changes all the time and more come', async () => {
    const clock = new SimulatedClock()
    const { looks, following, complete } = aRequest(clock)
    for (let completed = 0; completed < 100; completed++) {
      complete(completed)
      await listen(following)
      await pass(clock, 100)
    }
    expect(looks.length).toBeLessThanOrEqual(41)
    for (const [place, at] of looks.entries()) {
      expect(at - (looks[place - 1] ?? 0)).toBeGreaterThanOrEqual(250)
    }
  })

  test('looks once a second while nothing changes, and soon again once something does', async () => {
    const clock = new SimulatedClock()
    const { looks, following, complete } = aRequest(clock)
    const { told } = await listen(following)
    await pass(clock, 60_000)
    expect(told).toEqual([])
    expect(looks.length).toBeLessThanOrEqual(63)
    complete(1)
    await pass(clock, 1000)
    expect(told).toEqual([1])
    const before = looks.length
    complete(2)
    await pass(clock, 250)
    expect(told).toEqual([1, 2])
    expect(looks).toHaveLength(before + 1)
  })

  test('holds up nobody else while it tells thousands', async () => {
    const clock = new SimulatedClock()
    const { following, complete } = aRequest(clock)
    const listeners = await Promise.all(Array.from({ length: 5000 }, () => listen(following)))
    complete(1000)
    await pass(clock, 250)
    const told = listeners.filter(({ told }) => told.length > 0).length
    expect(told).toBeGreaterThan(0)
    expect(told).toBeLessThan(500)
  })

  test('ends when the last one has left', async () => {
    const clock = new SimulatedClock()
    const { looks, following, complete } = aRequest(clock)
    const [one, other] = [await listen(following), await listen(following)]
    one.leave()
    complete(1)
    await pass(clock, 1000)
    expect([one.told, other.told]).toEqual([[], [1]])
    other.leave()
    const before = looks.length
    await pass(clock, 60_000)
    expect(looks).toHaveLength(before)
  })

  test('ends with the request', async () => {
    const clock = new SimulatedClock()
    const { looks, following, complete } = aRequest(clock)
    const { told } = await listen(following)
    complete(1000)
    await pass(clock, 60_000)
    expect(told).toEqual([1000])
    expect(looks).toHaveLength(2)
  })

  test('ends when the request is deleted', async () => {
    const clock = new SimulatedClock()
    const { following, remove } = aRequest(clock)
    const { told } = await listen(following)
    remove()
    await pass(clock, 1000)
    expect(told).toEqual(['ended'])
    expect(await following.look(ID)).toBeNull()
  })

  test('ends when this instance stops, for those who come then as well', async () => {
    const clock = new SimulatedClock()
    const { looks, following } = aRequest(clock)
    const { told } = await listen(following)
    following.close()
    expect(told).toEqual(['ended'])
    expect((await listen(following)).told).toEqual(['ended'])
    const before = looks.length
    await pass(clock, 10_000)
    expect(looks).toHaveLength(before)
  })

  test('tells of the end at once where it is hinted at', async () => {
    const clock = new SimulatedClock()
    const { looks, following, complete } = aRequest(clock)
    const { told } = await listen(following)
    await pass(clock, 10_000)
    const before = looks.length
    complete(1000)
    following.hint(ID)
    following.hint('another')
    await everythingThatFollows()
    expect(told).toEqual([1000])
    expect(looks).toHaveLength(before + 1)
  })

  test('looks again after a hint that comes in the middle of a look', async () => {
    const clock = new SimulatedClock()
    const { following, complete, holdUp } = aRequest(clock)
    const { told } = await listen(following)
    const release = holdUp()
    await pass(clock, 250)
    complete(1000)
    following.hint(ID)
    release()
    await everythingThatFollows()
    expect(told).toEqual([1000])
  })

  test('goes on through an absence of the store, and tells newcomers of it', async () => {
    const clock = new SimulatedClock()
    const { following, complete, breakStore } = aRequest(clock)
    const { told } = await listen(following)
    breakStore(new Error('away'))
    await pass(clock, 5000)
    await expect(following.look(ID)).rejects.toThrow('away')
    breakStore(null)
    complete(7)
    await pass(clock, 1000)
    expect(told).toEqual([7])
  })

  test('tells at once what has changed since it was seen', async () => {
    const clock = new SimulatedClock()
    const { following, complete } = aRequest(clock)
    const early = await following.look(ID)
    await listen(following)
    complete(3)
    await pass(clock, 250)
    const told: number[] = []
    if (early !== null) {
      following.follow(ID, early, { told: (now) => told.push(countOf(now)), ended() {} })
    }
    expect(told).toEqual([3])
  })
})

describe('waiting for the end', () => {
  test('is over with the request, for all who wait', async () => {
    const clock = new SimulatedClock()
    const { looks, following, complete } = aRequest(clock)
    const waits = Array.from({ length: 2000 }, () => following.wait(ID, 30_000, NEVER))
    await pass(clock, 1000)
    complete(1000)
    await pass(clock, 1000)
    for (const snapshot of await Promise.all(waits)) expect(snapshot?.isFinal).toBe(true)
    expect(looks.length).toBeLessThanOrEqual(5)
  })

  test('is over when the time is up, with what is known then', async () => {
    const clock = new SimulatedClock()
    const { looks, following, complete } = aRequest(clock)
    const waiting = following.wait(ID, 2000, NEVER)
    await pass(clock, 500)
    complete(9)
    await pass(clock, 1500)
    expect((await waiting)?.status).toMatchObject({ processed_mappings: 9, status: 'in_progress' })
    const before = looks.length
    await pass(clock, 5000)
    expect(looks).toHaveLength(before)
  })

  test('is over when the client goes, and when this instance stops', async () => {
    const clock = new SimulatedClock()
    const { following } = aRequest(clock)
    const { promise: isGone, resolve: go } = Promise.withResolvers<void>()
    const [left, stayed] = [following.wait(ID, 60_000, isGone), following.wait(ID, 60_000, NEVER)]
    await everythingThatFollows()
    go()
    expect((await left)?.isFinal).toBe(false)
    following.close()
    expect((await stayed)?.isFinal).toBe(false)
  })
})
