import { beforeEach, describe, expect, test } from 'vitest'
import { Pacer } from '../../src/dispatch/pacer.ts'
import { WHOLE } from '../../src/dispatch/part.ts'
import { SimulatedClock } from '../sim/clock.ts'
import { pass } from './time.ts'

const OF_TWO = { workers: 2, position: 0 }

let clock: SimulatedClock
let pacer: Pacer

beforeEach(() => {
  clock = new SimulatedClock()
  pacer = new Pacer()
})

test('a row of calls is counted from the first of them, for as long as any is under way', async () => {
  for (let underWay = 0; underWay < 6; underWay++) pacer.began(underWay, clock.now())
  await pass(clock, 50)
  for (let call = 0; call < 5; call++) pacer.ended(false, clock)
  pacer.began(1, clock.now())
  await pass(clock, 150)
  expect(pacer.refused(null, 2, WHOLE, clock.now())).toEqual({ wait: 1000, forAll: true })
  // Five calls in the time since the first was heard of, and in the wait.
  expect(pacer.perSecond(clock.now())).toBeCloseTo((1000 * 5) / (150 + 1000), 6)
})

test('a rate that no refusal has confirmed for ten minutes is forgotten', async () => {
  pacer.refused(null, 1, WHOLE, clock.now())
  await pass(clock, 600_000)
  expect(pacer.perSecond(clock.now())).not.toBeNull()
  await pass(clock, 1)
  expect(pacer.perSecond(clock.now())).toBeNull()
  expect(pacer.paces).toBe(false)
})

describe('calls that were under way at a refusal, and are refused as well', () => {
  beforeEach(() => {
    pacer.refused(null, 1, OF_TWO, clock.now())
    pacer.ended(true, clock)
    // From now on it steps back by itself.
    expect(pacer.refused(null, 3, OF_TWO, clock.now())).toEqual({ wait: 2000, forAll: false })
    pacer.ended(true, clock)
  })

  test('say nothing new', async () => {
    await pass(clock, 500)
    expect(pacer.refused(null, 2, OF_TWO, clock.now())).toEqual({ wait: 1500, forAll: false })
  })

  test('have everybody wait for what they ask for, where that is longer', () => {
    expect(pacer.refused(5000, 2, OF_TWO, clock.now())).toEqual({ wait: 5000, forAll: true })
    pacer.ended(true, clock)
    expect(pacer.refused(1000, 1, OF_TWO, clock.now())).toEqual({ wait: 5000, forAll: true })
    expect(pacer.wait(clock.now())).toBe(5000)
  })
})
