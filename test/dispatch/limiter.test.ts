import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Rate } from '../../src/core/limits.ts'
import { Limiter } from '../../src/dispatch/limiter.ts'
import { SimulatedClock } from '../sim/clock.ts'
import { pass } from './time.ts'

let clock: SimulatedClock
let freed: number

beforeEach(() => {
  clock = new SimulatedClock()
  freed = 0
})

function limiter(concurrency: number, rate: Rate | null = null): Limiter {
  return new Limiter({ concurrency, rate: rate && [rate] }, clock, () => {
    freed += 1
  })
}

/** Takes turns and notes, by name, in which order they were had. */
function queue(from: Limiter, names: readonly string[]): string[] {
  const had: string[] = []
  for (const name of names) {
    const turn = from.take()
    if (turn === null) had.push(name)
    else void turn.then(() => had.push(name))
  }
  return had
}

describe('concurrency', () => {
  test('gives turns at once until all are taken, and then in the order of asking', async () => {
    const own = limiter(2)
    const had = queue(own, ['a', 'b', 'c', 'd', 'e'])
    expect(had).toEqual(['a', 'b'])
    own.give()
    await pass(clock, 1)
    expect(had).toEqual(['a', 'b', 'c'])
    own.give()
    own.give()
    await pass(clock, 1)
    expect(had).toEqual(['a', 'b', 'c', 'd', 'e'])
  })

  test('lets nobody jump the queue', async () => {
    const own = limiter(1)
    const had = queue(own, ['a', 'b'])
    own.give()
    expect(own.open).toBe(false)
    had.push(...queue(own, ['late']))
    await pass(clock, 1)
    expect(had).toEqual(['a', 'b'])
  })

  test('lets nobody in who comes just when the first of those who wait may go', async () => {
    const own = limiter(100, { count: 10, per: 1000, burst: 1 })
    const had = queue(own, ['a'])
    clock.after(100, () => {
      void own.take()?.then(() => had.push('late'))
    })
    void own.take()?.then(() => had.push('b'))
    await pass(clock, 100)
    expect(had).toEqual(['a', 'b'])
    await pass(clock, 100)
    expect(had).toEqual(['a', 'b', 'late'])
  })

  test('is kept to once no more calls are under way than it allows', () => {
    const own = limiter(4)
    queue(own, ['a', 'b', 'c', 'd'])
    expect(own.fits).toBe(true)
    own.assign({ workers: 2, position: 0 })
    own.give()
    expect(own.fits).toBe(false)
    own.give()
    expect(own.fits).toBe(true)
  })

  test('lets go of who is called off while it waits, and the others keep their places', async () => {
    const own = limiter(1)
    const closing = new AbortController()
    const had = queue(own, ['a', 'b'])
    void own.take('write', closing.signal)?.then(() => had.push('called off'))
    void own.take()?.then(() => had.push('c'))
    closing.abort()
    await pass(clock, 1)
    expect(had).toEqual(['a', 'called off'])
    own.give()
    own.give()
    await pass(clock, 1)
    expect(had.slice(2)).toEqual(['b'])
    own.give()
    await pass(clock, 1)
    expect(had.slice(2)).toEqual(['b', 'c'])
  })

  test('is this worker’s part of the whole', () => {
    const parts = [0, 1, 2].map((position) => {
      const own = limiter(8)
      own.assign({ workers: 3, position })
      return own.concurrency
    })
    expect(parts).toEqual([3, 3, 2])
  })

  test('is nothing without a part, and whoever waits goes on when there is one', async () => {
    const own = limiter(4)
    own.assign(null)
    const had = queue(own, ['a', 'b'])
    await pass(clock, 60_000)
    expect(had).toEqual([])
    own.assign({ workers: 2, position: 0 })
    await pass(clock, 1)
    expect(had).toEqual(['a', 'b'])
  })

  test('that shrinks lets calls under way end, and starts none until there is room', async () => {
    const own = limiter(4)
    const had = queue(own, ['a', 'b', 'c', 'd', 'e'])
    own.assign({ workers: 2, position: 0 })
    own.give()
    own.give()
    await pass(clock, 1)
    expect(had).toHaveLength(4)
    own.give()
    await pass(clock, 1)
    expect(had).toHaveLength(5)
  })

  test('tells that there are more turns than before, once nobody waits for them', async () => {
    const own = limiter(1)
    own.assign({ workers: 1, position: 0 })
    expect(freed).toBe(1)
    queue(own, ['a', 'b'])
    own.assign({ workers: 1, position: 0 })
    expect(freed).toBe(1)
  })

  test('loses no turn, and gives none twice, whatever happens', async () => {
    const anyEvent = fc.oneof(
      fc.constant('take' as const),
      fc.constant('give' as const),
      fc.integer({ min: 1, max: 5 }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(anyEvent, { maxLength: 60 }), async (events) => {
        const own = limiter(6)
        let asked = 0
        let had = 0
        let given = 0
        for (const event of events) {
          if (event === 'take') {
            asked += 1
            const turn = own.take()
            if (turn === null) had += 1
            else void turn.then(() => (had += 1))
          } else if (event === 'give') {
            if (given < had) own.give()
            given += given < had ? 1 : 0
          } else {
            own.assign({ workers: event, position: 0 })
          }
          const before = had
          await Promise.resolve()
          if (had > before) expect(had - given).toBeLessThanOrEqual(own.concurrency)
        }
        for (; given < asked; given += 1) {
          expect(given).toBeLessThan(had)
          own.give()
          await Promise.resolve()
        }
        expect(own.idle).toBe(true)
      }),
    )
  })
})

describe('a rate', () => {
  test('makes calls wait, and tells when one may be made again', async () => {
    const own = limiter(100, { count: 10, per: 1000 })
    expect(own.take()).toBeNull()
    expect(own.open).toBe(false)
    await pass(clock, 79)
    expect(freed).toBe(0)
    await pass(clock, 1)
    expect(freed).toBe(1)
    expect(own.open).toBe(true)
  })

  test('that was slow holds up nobody when it is raised', async () => {
    const own = limiter(1, { count: 1, per: 3_600_000, burst: 1 })
    queue(own, ['a'])
    own.give()
    expect(own.open).toBe(false)
    own.change({ concurrency: 1, rate: [{ count: 1, per: 1000, burst: 1 }] })
    queue(own, ['b'])
    own.give()
    expect(own.open).toBe(false)
    freed = 0
    await pass(clock, 1000)
    expect(freed).toBe(1)
    expect(own.open).toBe(true)
  })

  test('that is changed gives no burst once more', async () => {
    const rate = { count: 10, per: 1000, burst: 5 }
    const own = limiter(100, rate)
    const had = queue(own, Array(20).fill('a'))
    expect(had).toHaveLength(rate.burst)
    own.change({ concurrency: 100, rate: [{ ...rate, count: 20 }] })
    await pass(clock, 1)
    expect(had).toHaveLength(rate.burst + 1)
  })

  test('is never exceeded by more than a fiftieth and a call, however callers come', async () => {
    const anyRate = fc.record({
      count: fc.integer({ min: 1, max: 100 }),
      per: fc.constantFrom(1000, 60_000),
    })
    const anyBursts = fc.array(
      fc.record({ after: fc.integer({ min: 0, max: 2000 }), calls: fc.nat({ max: 80 }) }),
      { minLength: 1, maxLength: 8 },
    )
    await fc.assert(
      fc.asyncProperty(anyRate, anyBursts, async (rate, bursts) => {
        const own = limiter(1000, rate)
        const starts: number[] = []
        let asked = 0
        for (const { after, calls } of bursts) {
          await pass(clock, (after * rate.per) / 1000)
          asked += calls
          for (let call = 0; call < calls; call++) void started(own, starts)
        }
        await pass(clock, ((asked + 1) * rate.per) / rate.count)
        expect(starts).toHaveLength(asked)
        for (const start of starts) {
          const inWindow = starts.filter((at) => at >= start && at < start + rate.per)
          expect(inWindow.length).toBeLessThanOrEqual(1.02 * rate.count + 1)
        }
      }),
      { numRuns: 30 },
    )
  })

  test('is shared: a worker alone has all of it, one of four a quarter', async () => {
    for (const workers of [1, 4]) {
      const own = limiter(1000, { count: 100, per: 1000 })
      own.assign({ workers, position: 0 })
      const starts: number[] = []
      for (let call = 0; call < 300; call++) void started(own, starts)
      await pass(clock, 2000)
      expect(Math.abs(starts.length - 200 / workers)).toBeLessThanOrEqual(6)
    }
  })
})

describe('a rate that several workers share, or that some calls take more of', () => {
  const rate = { count: 10, per: 1000, burst: 1 }

  test('is spent as it was when another worker joins', async () => {
    const own = limiter(100, rate)
    queue(own, ['a'])
    own.assign({ workers: 2, position: 0 })
    expect(own.open).toBe(false)
    await pass(clock, 100)
    expect(own.open).toBe(true)
  })

  test('has taken out of it what the step costs', async () => {
    const limits = { concurrency: 100, rate: [rate], cost: { read: 1, write: 5 } }
    const own = new Limiter(limits, clock, () => {})
    void own.take('read')
    await pass(clock, 100)
    expect(own.open).toBe(true)
    void own.take('write')
    await pass(clock, 499)
    expect(own.open).toBe(false)
    await pass(clock, 1)
    expect(own.open).toBe(true)
  })
})

describe('what a system says is left', () => {
  /** It is told with the answer to a call that is under way. */
  function learned(own: Limiter, remaining: number): void {
    own.learn({ limit: 10, window: 5000, remaining, resetsAt: clock.now() + 5000 })
  }

  test('is left less the other calls under way, and each that begins', () => {
    const own = limiter(100)
    queue(own, ['a', 'b', 'c'])
    learned(own, 4)
    own.give()
    expect(queue(own, ['d', 'e', 'f', 'g'])).toEqual(['d', 'e'])
  })

  test('holds until its time is over, and whoever waits goes on then', async () => {
    const own = limiter(100)
    queue(own, ['a'])
    learned(own, 0)
    own.give()
    expect(own.idle).toBe(false)
    const had = queue(own, ['b', 'c'])
    await pass(clock, 4999)
    expect(had).toEqual([])
    await pass(clock, 1)
    expect(had).toEqual(['b', 'c'])
    own.give()
    own.give()
    expect(own.idle).toBe(true)
  })
})

describe('a number of calls at once that is found out by trial', () => {
  function adaptive(adaptiveFrom: number, concurrency = 100): Limiter {
    return new Limiter({ concurrency, adaptiveFrom, rate: null }, clock, () => {})
  }

  /** Makes so many calls, as many at once as may be, of 10 ms each. */
  async function calls(own: Limiter, rounds: number): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      const names = Array.from({ length: own.concurrency }, () => 'a')
      queue(own, names)
      await pass(clock, 10)
      for (const _ of names) own.give()
    }
  }

  test('begins with a part of the lowest, and is none where there is no part', () => {
    const own = adaptive(8)
    expect(own.concurrency).toBe(8)
    const shared = adaptive(8)
    shared.assign(null)
    expect(shared.concurrency).toBe(0)
    shared.assign({ workers: 4, position: 0 })
    expect(shared.concurrency).toBe(2)
  })

  test('grows while all of it is used, and never beyond the part', async () => {
    const own = adaptive(1)
    await calls(own, 40)
    expect(own.concurrency).toBeGreaterThan(20)
    own.assign({ workers: 10, position: 0 })
    expect(own.concurrency).toBe(10)
    await calls(own, 10)
    expect(own.concurrency).toBe(10)
  })

  test('does not grow while less is called', async () => {
    const own = adaptive(1, 10_000)
    const onlyOne = async (times: number) => {
      for (let call = 0; call < times; call++) {
        queue(own, ['a'])
        await pass(clock, 10)
        own.give()
      }
    }
    await calls(own, 22)
    // The round that has begun was full.
    await onlyOne(2 * own.concurrency)
    const before = own.concurrency
    await onlyOne(5 * before)
    expect(own.concurrency).toBe(before)
  })

  test('shrinks once for all calls that were under way when they were too many', async () => {
    const own = adaptive(1)
    await calls(own, 40)
    const before = own.concurrency
    queue(own, Array(before).fill('a'))
    await pass(clock, 10)
    for (let call = 0; call < before; call++) own.give('throttled')
    const less = Math.floor(0.7 * before)
    expect(own.concurrency).toBe(less)
    queue(own, ['b'])
    own.give('throttled')
    expect(own.concurrency).toBe(Math.floor(0.7 * less))
  })

  test('shrinks when too many of a round fail', async () => {
    const own = adaptive(1)
    await calls(own, 40)
    const before = own.concurrency
    queue(own, Array(before).fill('a'))
    await pass(clock, 10)
    for (let call = 0; call < before; call++) own.give(call % 5 === 0 ? 'failed' : 'fine')
    expect(own.concurrency).toBe(Math.floor(0.7 * before))
  })
})

test('a turn of which no call was made says nothing of the calls that were under way', () => {
  const own = limiter(3)
  queue(own, ['a', 'b'])
  expect(own.refused(null).wait).toBe(1000)
  own.give('throttled')
  queue(own, ['denied'])
  own.give(null)
  expect(own.refused(null).wait).toBe(1000)
})

test('of a rate that is shared, several workers may together begin one call more for each but the first', async () => {
  const [workers, rate] = [4, { count: 10, per: 1000, burst: 3 }]
  const starts: number[] = []
  for (let position = 0; position < workers; position++) {
    const own = limiter(1000, rate)
    own.assign({ workers, position })
    for (let call = 0; call < 30; call++) void started(own, starts)
  }
  await pass(clock, 5000)
  starts.sort((a, b) => a - b)
  for (const start of starts) {
    const inWindow = starts.filter((at) => at >= start && at < start + rate.per)
    expect(inWindow.length).toBeLessThanOrEqual(rate.count + rate.burst + workers - 1)
  }
  const atOnce = starts.filter((at) => at === starts[0])
  expect(atOnce.length).toBeGreaterThan(rate.burst)
})

async function started(own: Limiter, starts: number[]): Promise<void> {
  await own.take()
  starts.push(clock.now())
  own.give()
}
