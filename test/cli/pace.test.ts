import { describe, expect, test } from 'vitest'
import { duration } from '../../src/cli/numbers.ts'
import { Pace } from '../../src/cli/pace.ts'

describe('pace', () => {
  test('is not known from one look', () => {
    expect(new Pace().look(5, 1000)).toBeNull()
  })

  test('is what was done since the first look', () => {
    const pace = new Pace()
    pace.look(10, 1000)
    expect(pace.look(30, 1500)).toBe(40)
    expect(pace.look(30, 3000)).toBe(10)
  })

  test('forgets what is more than five seconds past', () => {
    const pace = new Pace()
    pace.look(0, 0)
    pace.look(1000, 1000)
    expect(pace.look(1060, 7000)).toBe(10)
    expect(pace.look(1060, 13_000)).toBe(0)
  })
})

test.each([
  [0.4, '0 s'],
  [59.4, '59 s'],
  [130, '2 min 10 s'],
  [3900, '1 h 5 min'],
])('%d seconds are %s', (seconds, text) => {
  expect(duration(seconds)).toBe(text)
})
