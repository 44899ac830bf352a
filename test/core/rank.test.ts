import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PRIORITIES } from '../../src/core/mapping.ts'
import { mappingsBefore, rankStep, takesOldest, WEIGHTS } from '../../src/core/rank.ts'

test.each([
  [5, 0, 'HIGH', 5 / 16],
  [5, 0, 'MEDIUM', 5 / 4],
  [5, 0, 'LOW', 5],
  [100, 0, 'HIGH', 100 / 16],
  [5, 1, 'LOW', 10],
  [5, 999, 'LOW', 5000],
] as const)('%i mappings beside %i open requests at %s cost %d', (size, open, priority, cost) => {
  expect(rankStep(size, open, priority)).toBe(cost)
})

test('when all three priorities compete, HIGH gets 16 parts of 21, MEDIUM 4 and LOW 1', () => {
  const ranks = { HIGH: 0, MEDIUM: 0, LOW: 0 }
  const picked = { HIGH: 0, MEDIUM: 0, LOW: 0 }
  for (let pick = 0; pick < 2100; pick++) {
    const next = PRIORITIES.reduce((a, b) => (cost(b) < cost(a) ? b : a))
    ranks[next] = cost(next)
    picked[next] += 1
  }
  for (const priority of PRIORITIES) {
    expect(Math.abs(picked[priority] - 100 * WEIGHTS[priority])).toBeLessThanOrEqual(1)
  }

  function cost(priority: (typeof PRIORITIES)[number]): number {
    return ranks[priority] + rankStep(5, 0, priority)
  }
})

test('every batch moves its request on', () => {
  const anySize = fc.integer({ min: 1, max: 1000 })
  const anyPriority = fc.constantFrom(...PRIORITIES)
  fc.assert(
    fc.property(anySize, fc.nat(), anyPriority, (size, open, priority) => {
      expect(rankStep(size, open, priority)).toBeGreaterThan(0)
    }),
  )
})

test('of any eight picks in a row, one goes to the oldest', () => {
  fc.assert(
    fc.property(fc.nat(), (turn) => {
      const picks = Array.from({ length: 8 }, (_, n) => takesOldest(turn + n))
      expect(picks.filter((oldest) => oldest)).toHaveLength(1)
    }),
  )
})

test('the very first pick goes by rank', () => {
  expect(takesOldest(0)).toBe(false)
})

describe('before the last mapping of a new request go', () => {
  const queue = { start: 100, end: 200, before: 40, counted: 200, open: 5000 }

  test('those of a lower rank', () => {
    expect(mappingsBefore(queue)).toBe(40)
  })

  test('as many as lie so close everywhere, where not all were counted', () => {
    expect(mappingsBefore({ ...queue, counted: 110 })).toBe(400)
  })

  test('never more than are open', () => {
    expect(mappingsBefore({ ...queue, counted: 110, open: 300 })).toBe(300)
    expect(mappingsBefore({ ...queue, counted: 100 })).toBe(5000)
  })
})
