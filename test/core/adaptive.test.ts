import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Adaptive,
  adapted,
  adaptiveStart,
  type Round,
  roundLength,
} from '../../src/core/adaptive.ts'

const BOUNDS = { min: 1, max: 200 }

/** What a row of calls looks like at a target that serves `capacity` at once, each in `service` ms. */
function seen(limit: number, capacity: number, service: number): Round {
  const calls = Math.max(10, limit)
  const latency = service * Math.max(1, limit / capacity)
  return { calls, failures: 0, throttled: false, latency, full: true }
}

/** The limits of so many rounds, one after the other. */
function limits(rounds: number, see: (state: Adaptive) => Round, bounds = BOUNDS): number[] {
  const all: number[] = []
  let state = adaptiveStart(bounds)
  for (let round = 0; round < rounds; round++) {
    state = adapted(state, bounds, see(state))
    all.push(state.limit)
  }
  return all
}

describe('the number of calls at once', () => {
  test('doubles at first, and after the first push-back grows by one', () => {
    const rounds = limits(8, ({ limit }) => seen(limit, 16, 50))
    expect(rounds).toEqual([2, 4, 8, 16, 32, 22, 23, 16])
  })

  test('finds the capacity of a target whose calls wait for each other, and stays there', () => {
    const anyTarget = fc.record({
      capacity: fc.integer({ min: 4, max: 120 }),
      service: fc.integer({ min: 20, max: 500 }),
    })
    fc.assert(
      fc.property(anyTarget, ({ capacity, service }) => {
        const rounds = limits(300, ({ limit }) => seen(limit, capacity, service)).slice(100)
        const mean = rounds.reduce((sum, limit) => sum + limit, 0) / rounds.length
        expect(mean / capacity).toBeGreaterThan(0.85)
        expect(mean / capacity).toBeLessThan(1.6)
        expect(Math.max(...rounds)).toBeLessThan(2 * capacity)
      }),
      { numRuns: 50 },
    )
  })

  test('finds the capacity of a target that refuses what is too much', () => {
    const rounds = limits(200, ({ limit }) => {
      return { ...seen(limit, 1000, 50), throttled: limit > 40 }
    }).slice(50)
    expect(Math.min(...rounds)).toBeGreaterThanOrEqual(28)
    expect(Math.max(...rounds)).toBeLessThanOrEqual(41)
  })

  test.each([
    ['a tenth of the calls fail, as they may for reasons of their own', { failures: 1 }, 9],
    ['more of them fail', { failures: 2 }, 5],
    ['one is told that there are too many', { throttled: true, failures: 1 }, 5],
    ['calls take a little longer', { latency: 60 }, 9],
    ['calls take much longer', { latency: 80 }, 5],
    ['less is called than might be', { full: false }, 8],
  ])('when %s', (_, round, limit) => {
    const state = { limit: 8, baseline: 50, doubling: false }
    const usual = { calls: 10, failures: 0, throttled: false, latency: 50, full: true }
    expect(adapted(state, BOUNDS, { ...usual, ...round }).limit).toBe(limit)
  })

  test.each([
    ['refuses', { throttled: true }],
    ['fails', { failures: 10 }],
  ])(
    'is found again after a time in which a target %s at once whatever it is asked',
    (_, trouble) => {
      let rounds = 0
      const last = limits(100, ({ limit }) => {
        rounds += 1
        const isTroubled = rounds > 30 && rounds < 40
        return isTroubled ? { ...seen(limit, 40, 50), latency: 0, ...trouble } : seen(limit, 40, 50)
      }).at(-1)
      expect(last).toBeGreaterThan(30)
    },
  )

  test('is found for a target that answered at once, and takes its time from now on', () => {
    let rounds = 0
    const last = limits(300, ({ limit }) => seen(limit, 40, ++rounds > 3 ? 50 : 0)).at(-1)
    expect(last).toBeGreaterThan(30)
  })

  test('takes nothing from refusals for how long a call takes, not even from the first', () => {
    const refused = { ...seen(1, 40, 50), latency: 0, throttled: true }
    expect(adapted(adaptiveStart(BOUNDS), BOUNDS, refused).baseline).toBeNull()
  })

  test('is within its bounds again after a round when those have changed', () => {
    const usual = { calls: 10, failures: 0, throttled: false, latency: 50, full: false }
    const at = (limit: number) => ({ limit, baseline: 50, doubling: false })
    const bounds = { min: 4, max: 8 }
    expect(adapted(at(2), bounds, usual).limit).toBe(bounds.min)
    expect(adapted(at(20), bounds, usual).limit).toBe(bounds.max)
  })

  test('stays within its bounds, whatever happens', () => {
    const anyBounds = fc
      .tuple(fc.integer({ min: 1, max: 50 }), fc.nat({ max: 200 }))
      .map(([min, more]) => ({ min, max: min + more }))
    const anyRound = fc.record({
      calls: fc.integer({ min: 1, max: 100 }),
      failures: fc.nat({ max: 1 }),
      throttled: fc.boolean(),
      latency: fc.double({ min: 0, max: 10_000, noNaN: true }),
      full: fc.boolean(),
    })
    fc.assert(
      fc.property(anyBounds, fc.array(anyRound), (bounds, rounds) => {
        let state = adaptiveStart(bounds)
        for (const round of rounds) {
          state = adapted(state, bounds, round)
          expect(Number.isInteger(state.limit)).toBe(true)
          expect(state.limit).toBeGreaterThanOrEqual(bounds.min)
          expect(state.limit).toBeLessThanOrEqual(bounds.max)
          expect(roundLength(state)).toBeGreaterThanOrEqual(10)
        }
      }),
    )
  })
})
