import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  inForce,
  type Limits,
  NO_OVERRIDE,
  type Rate,
  rateSpan,
  rateTaken,
  rateWait,
  share,
  shareOfRate,
} from '../../src/core/limits.ts'
import { NOW } from '../support/requests.ts'

describe('a share of a whole limit', () => {
  const anyLimit = fc.nat({ max: 10_000 })
  const anyWorkers = fc.integer({ min: 1, max: 200 })

  test('all shares together are the whole', () => {
    fc.assert(
      fc.property(anyLimit, anyWorkers, (whole, workers) => {
        const shares = Array.from({ length: workers }, (_, at) => share(whole, workers, at))
        expect(shares.reduce((sum, part) => sum + part, 0)).toBe(whole)
      }),
    )
  })

  test('no two shares differ by more than one, and the first workers get the rest', () => {
    fc.assert(
      fc.property(anyLimit, anyWorkers, (whole, workers) => {
        const shares = Array.from({ length: workers }, (_, at) => share(whole, workers, at))
        expect(shares).toEqual(shares.toSorted((a, b) => b - a))
        expect((shares[0] ?? 0) - (shares.at(-1) ?? 0)).toBeLessThanOrEqual(1)
      }),
    )
  })
})

describe('a rate', () => {
  const anyRate = fc.record({
    count: fc.integer({ min: 1, max: 500 }),
    per: fc.constantFrom(1000, 60_000, 3_600_000),
  })

  test('lets the first call through at once', () => {
    expect(rateWait({ count: 1, per: 3_600_000 }, 0, NOW)).toBe(0)
  })

  test('spreads calls evenly once the burst is used up', () => {
    const starts = startsOf({ count: 10, per: 1000 }, 4)
    expect(starts).toEqual([0, 80, 180, 280])
  })

  test('is used to the full by whoever always has something to do', () => {
    fc.assert(
      fc.property(anyRate, (rate) => {
        const calls = 3 * rate.count
        expect(startsOf(rate, calls).at(-1)).toBeLessThanOrEqual(3 * rate.per)
      }),
      { numRuns: 50 },
    )
  })

  test('is never exceeded by more than a fiftieth and a call, whenever calls come', () => {
    const anyPauses = fc.array(fc.double({ min: 0, max: 3, noNaN: true }), { maxLength: 60 })
    fc.assert(
      fc.property(anyRate, anyPauses, (rate, pauses) => {
        const starts = startsOf(rate, 3 * rate.count, pauses)
        expect(mostIn(rate.per, starts)).toBeLessThanOrEqual(Math.ceil(1.02 * rate.count) + 1)
      }),
      { numRuns: 200 },
    )
  })

  test('lets as many calls through at once as its burst says, and then one by one', () => {
    const rate = { count: 2, per: 1000, burst: 4 }
    expect(startsOf(rate, 6)).toEqual([0, 0, 0, 0, 500, 1000])
  })

  test('that is shared leaves every worker a call at a time, however small its part of the burst', () => {
    const rate = { count: 2, per: 1000, burst: 1 }
    expect(startsOf(shareOfRate(rate, 4), 3)).toEqual([0, 2000, 4000])
    expect(startsOf(shareOfRate({ ...rate, burst: 9 }, 4), 4)).toEqual([0, 0, 0, 2000])
  })

  test('with a burst is never exceeded by more than that', () => {
    fc.assert(
      fc.property(anyRate, fc.integer({ min: 1, max: 100 }), (rate, burst) => {
        const starts = startsOf({ ...rate, burst }, 3 * rate.count)
        expect(mostIn(rate.per, starts)).toBeLessThanOrEqual(rate.count + burst)
      }),
      { numRuns: 100 },
    )
  })

  test('spans as long as its calls take one after the other', () => {
    const anyBurst = fc.option(fc.integer({ min: 1, max: 100 }), { nil: undefined })
    fc.assert(
      fc.property(anyRate, anyBurst, fc.integer({ min: 1, max: 1000 }), (plain, burst, calls) => {
        const rate = burst === undefined ? plain : { ...plain, burst }
        const last = startsOf(rate, calls).at(-1)
        expect(rateSpan(rate, calls - 1, true)).toBeCloseTo(last ?? 0, 0)
      }),
    )
    expect(rateSpan({ count: 10, per: 1000, burst: 5 }, 20, true)).toBe(1600)
    expect(rateSpan({ count: 10, per: 1000, burst: 5 }, 20, false)).toBe(2000)
  })

  test('makes a call wait the longer the more it costs', () => {
    const rate = { count: 10, per: 1000 }
    const after = rateTaken(rate, 0, NOW, 5)
    expect(rateWait(rate, after, NOW)).toBe(500 - 20)
    expect(rateTaken(rate, 0, NOW, 0)).toBe(NOW)
  })

  test('is never exceeded by more than a fiftieth, and a call each, by many workers', () => {
    fc.assert(
      fc.property(anyRate, fc.integer({ min: 1, max: 16 }), (rate, workers) => {
        const starts = startsOf(shareOfRate(rate, workers), 3 * rate.count)
        const together = workers * mostIn(rate.per, starts)
        expect(together).toBeLessThanOrEqual(Math.ceil(1.02 * rate.count) + workers)
      }),
      { numRuns: 200 },
    )
  })
})

/**
 * When calls start, each as soon as the rate allows, in milliseconds from now. Before the n-th of
 * them its caller does nothing for `pauses[n]` times the rate’s window.
 */
function startsOf(rate: Rate, calls: number, pauses: readonly number[] = []): readonly number[] {
  const starts: number[] = []
  let tat = 0
  let now = NOW
  for (let call = 0; call < calls; call++) {
    now += (pauses[call] ?? 0) * rate.per
    now += rateWait(rate, tat, now)
    tat = rateTaken(rate, tat, now)
    starts.push(now - NOW)
  }
  return starts
}

/** The most of these moments, which rise, that lie in one window. */
function mostIn(window: number, moments: readonly number[]): number {
  let most = 0
  let from = 0
  for (const [to, moment] of moments.entries()) {
    while (moment - (moments[from] ?? 0) >= window) from += 1
    most = Math.max(most, to - from + 1)
  }
  return most
}

describe('limits that are in force', () => {
  const file: Limits = {
    concurrency: 20,
    adaptiveFrom: 2,
    rate: [{ count: 100, per: 1000 }],
    cost: { read: 1, write: 3 },
  }

  test('are those of the file where an operator says nothing', () => {
    expect(inForce(file, NO_OVERRIDE)).toEqual(file)
    expect(inForce(file, { ...NO_OVERRIDE, paused: true })).toEqual(file)
  })

  test('are what an operator says, one by one; a number is no longer found out', () => {
    const rate = [{ count: 50, per: 1000 }]
    expect(inForce(file, { ...NO_OVERRIDE, rate })).toEqual({ ...file, rate })
    expect(inForce(file, { ...NO_OVERRIDE, concurrency: 10 })).toEqual({
      concurrency: 10,
      rate: file.rate,
      cost: file.cost,
    })
  })
})
