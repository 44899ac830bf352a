import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PRIORITIES, type Priority } from '../../src/core/mapping.ts'
import { type Flow, mappingsBefore, rankStep, takesOldest, WEIGHTS } from '../../src/core/rank.ts'

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
  function flow(priority: Priority, mappings: number, changes: Partial<Flow> = {}): Flow {
    return { own: true, priority, tenants: 1, requests: 1, mappings, ...changes }
  }
  const other = { own: false }

  /** What a rank gives, and what the picks add that go to the oldest. */
  function withOldest(mappings: number, before: number): number {
    return Math.round(((mappings + before) * 8) / 7 - mappings)
  }

  test.each<readonly [string, number, Priority, readonly Flow[], number]>([
    ['none in an empty lane', 100, 'MEDIUM', [], 0],
    [
      'as many as it has of one like it',
      100,
      'MEDIUM',
      [flow('MEDIUM', 9000)],
      withOldest(100, 100),
    ],
    ['all of a smaller one', 100, 'MEDIUM', [flow('MEDIUM', 30)], 30],
    [
      'as many of each of its tenant that is like it',
      100,
      'MEDIUM',
      [flow('MEDIUM', 9000, { requests: 9 })],
      withOldest(100, 900),
    ],
    [
      'a sixteenth of what is LOW, for one that is HIGH',
      160,
      'HIGH',
      [flow('LOW', 9000)],
      withOldest(160, 10),
    ],
    [
      'sixteen times as many that are HIGH, for one that is LOW',
      100,
      'LOW',
      [flow('HIGH', 9000)],
      withOldest(100, 1600),
    ],
    [
      'what all three weigh',
      100,
      'MEDIUM',
      [flow('HIGH', 9000), flow('LOW', 9000)],
      withOldest(100, 425),
    ],
    [
      'as many as it has of each other tenant',
      100,
      'LOW',
      [flow('LOW', 9000, { ...other, tenants: 3, requests: 50 })],
      withOldest(100, 300),
    ],
    [
      'of others more, the more its own tenant has',
      100,
      'LOW',
      [flow('LOW', 9000, { requests: 4 }), flow('LOW', 9000, other)],
      withOldest(100, 400 + 500),
    ],
    ['never more than are open', 9000, 'LOW', [flow('HIGH', 500), flow('LOW', 400)], 900],
  ])('%s', (_, mappings, priority, flows, before) => {
    expect(mappingsBefore(mappings, priority, flows)).toBe(before)
  })
})
