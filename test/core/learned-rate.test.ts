import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type LearnedRate, learnedRate, rateAfter } from '../../src/core/learned-rate.ts'

const FOUND: LearnedRate = { rate: 0.1, searching: false, wait: 100, forAll: true }

/** What a bucket that gets `perMs` calls and holds `size` lets through until it refuses. */
function spell(learned: LearnedRate, perMs: number, size: number) {
  let tokens = Math.min(size, learned.wait * perMs)
  let [passed, length, called] = [0, 0, 0]
  for (; ; length++) {
    tokens = Math.min(size, tokens + perMs)
    called += rateAfter(learned, length)
    for (; passed + 1 <= called; passed++, tokens--) {
      if (tokens < 1) return { passed, length: Math.max(1, length), workers: 1 }
    }
  }
}

describe('a rate that refusals teach', () => {
  test('is at first what was let through, the wait included, and doubles four times a second', () => {
    const learned = learnedRate(null, { passed: 5, length: 10, workers: 1 }, null)
    expect(learned).toMatchObject({ searching: true, wait: 1000 })
    expect(rateAfter(learned, 0)).toBeCloseTo(5 / 1010, 6)
    expect(rateAfter(learned, 1000) / rateAfter(learned, 0)).toBeCloseTo(16, 6)
  })

  test('is a call a second at first where nothing was let through, for nothing would never grow', () => {
    const learned = learnedRate(null, { passed: 0, length: 10, workers: 1 }, null)
    expect(rateAfter(learned, 0)).toBe(1 / 1000)
  })

  test('is soon where it was refused, stays there for long, and goes on from there', () => {
    expect(rateAfter(FOUND, 0)).toBeCloseTo(0.09, 6)
    expect(rateAfter(FOUND, 1500)).toBeGreaterThan(0.098)
    expect(rateAfter(FOUND, 3000)).toBeCloseTo(0.1, 6)
    expect(rateAfter(FOUND, 4500)).toBeLessThan(0.102)
    expect(rateAfter(FOUND, 9000)).toBeGreaterThan(0.17)
  })

  test('is tried the more carefully the longer a refusal stops us', () => {
    const costly = { ...FOUND, wait: 1000 }
    expect(rateAfter(costly, 30_000)).toBeCloseTo(rateAfter(FOUND, 3000), 6)
  })

  test('gets out of any bucket most of what it gives, from far above and far below', () => {
    const anyBucket = fc.record({
      perSecond: fc.integer({ min: 5, max: 900 }),
      size: fc.integer({ min: 2, max: 50 }),
      from: fc.integer({ min: 1, max: 2000 }),
    })
    fc.assert(
      fc.property(anyBucket, ({ perSecond, size, from }) => {
        let learned: LearnedRate = { ...FOUND, rate: from / 1000, searching: true, wait: 1000 }
        let [passed, took] = [0, 0]
        for (let refusals = 0; refusals < 30; refusals++) {
          const seen = spell(learned, perSecond / 1000, size)
          learned = learnedRate(learned, seen, null)
          if (refusals < 15) continue
          passed += seen.passed
          took += seen.length + learned.wait
        }
        expect((passed / took) * 1000).toBeGreaterThan(perSecond * 0.85)
      }),
      { numRuns: 30 },
    )
  })
})

describe('the wait after a refusal', () => {
  const some = { passed: 100, length: 1000, workers: 1 }
  const none = { passed: 0, length: 10, workers: 1 }

  test('is what the system asks for, a second at least', () => {
    expect(learnedRate(FOUND, some, 5000).wait).toBe(5000)
    expect(learnedRate(FOUND, some, 0).wait).toBe(1000)
    expect(learnedRate(FOUND, none, 5000).wait).toBe(5000)
  })

  test('is the time of some calls where it says nothing', () => {
    expect(learnedRate(FOUND, some, null).wait).toBe(103)
    expect(learnedRate({ ...FOUND, rate: 10 }, some, null).wait).toBe(100)
    expect(learnedRate({ ...FOUND, rate: 0.001 }, some, null).wait).toBe(1000)
  })

  test('doubles up to a minute while nothing is let through, which says nothing of the rate', () => {
    let learned = FOUND
    const waits = Array.from({ length: 11 }, () => {
      learned = learnedRate(learned, none, null)
      return learned.wait
    })
    expect(waits).toEqual([200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000])
    expect(learned.rate).toBe(FOUND.rate)
  })
})

describe('one worker of several', () => {
  const few = { passed: 9, length: 50, workers: 2 }
  const enough = { passed: 10, length: 100, workers: 2 }

  test('that gets calls through learns from them, and has nobody else wait', () => {
    expect(learnedRate(FOUND, enough, null)).toMatchObject({ wait: 100, forAll: false })
    expect(learnedRate(FOUND, enough, null).rate).toBeLessThan(FOUND.rate)
    expect(learnedRate(FOUND, { ...enough, workers: 1 }, null).forAll).toBe(true)
  })

  test('that gets few through keeps its rate, and steps back for longer and longer', () => {
    let learned = FOUND
    const waits = Array.from({ length: 8 }, () => {
      learned = learnedRate(learned, few, null)
      return learned.wait
    })
    expect(waits).toEqual([200, 400, 800, 1600, 3200, 6400, 10_000, 10_000])
    expect(learned).toMatchObject({ rate: FOUND.rate / 2, forAll: false })
  })

  test('goes on searching where others may have been in its way', () => {
    const searching = { ...FOUND, searching: true }
    const learned = learnedRate(searching, few, null)
    expect(learned.searching).toBe(true)
    expect(learned.rate).toBeCloseTo(0.9 * rateAfter(searching, few.length), 6)
  })

  test('has everybody wait for what the system asks for', () => {
    expect(learnedRate(FOUND, few, 5000)).toMatchObject({ wait: 5000, forAll: true })
    expect(learnedRate({ ...FOUND, forAll: false }, few, 5000).forAll).toBe(true)
    expect(learnedRate(null, few, null)).toMatchObject({ wait: 1000, forAll: true })
  })
})
