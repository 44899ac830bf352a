import { beforeEach, expect, test } from 'vitest'
import { Stopwatch } from '../../src/dispatch/stopwatch.ts'
import { SimulatedClock } from '../sim/clock.ts'
import { pass } from './time.ts'

let clock: SimulatedClock
let stopwatch: Stopwatch
let underWay: number

beforeEach(() => {
  clock = new SimulatedClock()
  stopwatch = new Stopwatch(clock)
  underWay = 0
})

function begin(): void {
  stopwatch.began(underWay)
  underWay += 1
}

function end(): void {
  stopwatch.ended(underWay)
  underWay -= 1
}

/** Makes calls of one length, so many at once, again and again. */
async function calls(rounds: number, atOnce: number, length: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (let n = 0; n < atOnce; n++) begin()
    await pass(clock, length)
    for (let n = 0; n < atOnce; n++) end()
  }
}

test('knows nothing before a call has ended', async () => {
  expect(stopwatch.read(underWay)).toBeNull()
  begin()
  await pass(clock, 500)
  expect(stopwatch.read(underWay)).toBeNull()
})

test.each([
  [1, 48],
  [20, 48],
  [3, 30_000],
])('finds out how long a call takes when %i are made at once', async (atOnce, length) => {
  await calls(5, atOnce, length)
  expect(stopwatch.read(underWay)).toBe(length)
})

test('does not count the time in which there is nothing to call', async () => {
  await calls(5, 2, 100)
  await pass(clock, 3_600_000)
  await calls(5, 2, 100)
  expect(stopwatch.read(underWay)).toBe(100)
})

test('says the same for as long as no call ends', async () => {
  await calls(5, 2, 100)
  expect(stopwatch.read(underWay)).toBe(100)
  begin()
  await pass(clock, 60_000)
  expect(stopwatch.read(underWay)).toBe(100)
})

test('times so many calls between two readings that it costs a busy worker nothing', async () => {
  await calls(128, 2, 100)
  await calls(1000, 2, 900)
  expect(stopwatch.read(underWay)).toBe(100)
})

test('follows a system that becomes slower', async () => {
  await calls(100, 2, 100)
  stopwatch.read(underWay)
  for (let second = 0; second < 60; second++) {
    await calls(100, 2, 200)
    stopwatch.read(underWay)
  }
  expect(stopwatch.read(underWay)).toBe(200)
})
