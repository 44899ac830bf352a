import { beforeEach, describe, expect, test } from 'vitest'
import type { MappingError } from '../../src/core/verdict.ts'
import { Tally } from '../../src/dispatch/tally.ts'
import { NOW } from '../support/requests.ts'

const MINUTE = 60_000
const FOUND = { concurrency: 4, learnedRate: null, callLength: null }
const ERROR: MappingError = { code: 'timeout', message: 'no', stage: 'write', httpStatus: null }

let tally: Tally

beforeEach(() => {
  tally = new Tally()
})

function count(times: number, at: number): void {
  for (let time = 0; time < times; time += 1) tally.count(at)
}

describe('what a worker has brought to its end in a minute', () => {
  test('is told as it comes and goes, and is nothing after a pause of any length', () => {
    count(3, NOW)
    count(2, NOW + MINUTE / 2)
    const told = [MINUTE / 2, MINUTE - 1, MINUTE, 1.5 * MINUTE, 1000 * MINUTE].map(
      (after) => tally.news({ ...FOUND, concurrency: after }, NOW + after)?.perMinute,
    )
    expect(told).toEqual([5, 5, 2, 0, 0])
    count(1, NOW + 1000 * MINUTE)
    expect(tally.news(FOUND, NOW + 1000 * MINUTE)).toMatchObject({ perMinute: 1 })
  })

  test('is told once, and again where that did not arrive', () => {
    count(1, NOW)
    expect(tally.news(FOUND, NOW)).not.toBeNull()
    expect(tally.news(FOUND, NOW)).toBeNull()
    tally.untold()
    expect(tally.news(FOUND, NOW)).not.toBeNull()
  })

  test('would be missed until it is told that there is nothing any more', () => {
    expect(tally.isEmpty(NOW)).toBe(true)
    count(1, NOW)
    expect(tally.isEmpty(NOW)).toBe(false)
    tally.news(FOUND, NOW + MINUTE)
    expect(tally.isEmpty(NOW + MINUTE)).toBe(true)
  })
})

test('what a system said is remembered for a minute', () => {
  tally.fail(ERROR, NOW)
  expect(tally.isEmpty(NOW + MINUTE - 1)).toBe(false)
  expect(tally.isEmpty(NOW + MINUTE)).toBe(true)
  tally.learn({ limit: null, remaining: 0, resetsAt: null, window: null }, NOW + MINUTE)
  expect(tally.isEmpty(NOW + MINUTE)).toBe(false)
})
