import fc from 'fast-check'
import { expect, test } from 'vitest'
import { backOff, honoured } from '../../src/core/retry.ts'

const anyPolicy = fc.record({
  attempts: fc.integer({ min: 1, max: 100 }),
  first: fc.integer({ min: 0, max: 86_400_000 }),
  cap: fc.integer({ min: 0, max: 86_400_000 }),
})
const anyChance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

test('a back-off is whole milliseconds, and within its exponential and its cap', () => {
  fc.assert(
    fc.property(anyPolicy, fc.integer({ min: 1, max: 100 }), anyChance, (policy, spent, chance) => {
      const wait = backOff(policy, spent, () => chance)
      expect(Number.isInteger(wait)).toBe(true)
      expect(wait).toBeGreaterThanOrEqual(0)
      expect(wait).toBeLessThanOrEqual(Math.min(policy.cap, policy.first * 2 ** (spent - 1)))
    }),
  )
})

test('the longest wait doubles with every attempt until the cap', () => {
  const policy = { attempts: 9, first: 500, cap: 5000 }
  const longest = [1, 2, 3, 4, 5, 6].map((spent) => backOff(policy, spent, () => 1 - 1e-9))
  expect(longest).toEqual([500, 1000, 2000, 4000, 5000, 5000])
})

test('the jitter is full: a wait may be anything down to nothing', () => {
  const policy = { attempts: 5, first: 1000, cap: 60_000 }
  expect(backOff(policy, 1, () => 0)).toBe(0)
  expect(backOff(policy, 1, () => 0.25)).toBe(250)
})

test.each([
  { asked: null, wait: 1000 },
  { asked: 0, wait: 1000 },
  { asked: -5, wait: 1000 },
  { asked: 999, wait: 1000 },
  { asked: 30_000, wait: 30_000 },
  { asked: 3_600_001, wait: 3_600_000 },
  { asked: Number.POSITIVE_INFINITY, wait: 3_600_000 },
])('a Retry-After of $asked ms is honoured with $wait ms', ({ asked, wait }) => {
  expect(honoured(asked)).toBe(wait)
})
