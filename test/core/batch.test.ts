import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { batchSize, nextRunAt } from '../../src/core/batch.ts'

describe('how many mappings make a batch', () => {
  test.each([
    [1, 5],
    [5, 5],
    [5000, 5],
    [5001, 6],
    [100_000, 100],
    [500_000, 500],
    [1_000_000, 500],
    [10_000_000, 500],
  ])('%i mappings: %i', (total, size) => {
    expect(batchSize(total, null)).toBe(size)
  })

  test('a size that was asked for is taken, whatever the total', () => {
    expect(batchSize(1_000_000, 1)).toBe(1)
    expect(batchSize(1, 1000)).toBe(1000)
  })

  test('a larger request never gets smaller batches', () => {
    const anyTotal = fc.integer({ min: 1, max: 10_000_000 })
    fc.assert(
      fc.property(anyTotal, anyTotal, (a, b) => {
        const [less, more] = [Math.min(a, b), Math.max(a, b)]
        expect(batchSize(less, null)).toBeLessThanOrEqual(batchSize(more, null))
      }),
    )
  })
})

describe('when a batch with open mappings runs again', () => {
  test('with the first of them, and those due within a second of it come along', () => {
    expect(nextRunAt([5000])).toBe(5000)
    expect(nextRunAt([9000, 5000, 5400, 6000])).toBe(6000)
    expect(nextRunAt([6001, 5000])).toBe(5000)
  })

  test('never before the first is due, and at most a second after it', () => {
    const anyTimes = fc.array(fc.nat({ max: 10_000 }), { minLength: 1, maxLength: 100 })
    fc.assert(
      fc.property(anyTimes, (times) => {
        const runAt = nextRunAt(times)
        expect(times).toContain(runAt)
        expect(runAt - Math.min(...times)).toBeGreaterThanOrEqual(0)
        expect(runAt - Math.min(...times)).toBeLessThanOrEqual(1000)
      }),
    )
  })
})
