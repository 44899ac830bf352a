import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { type Cuttable, InFlight } from '../../src/deliver/kinds/http/in-flight.ts'
import type { Clock } from '../../src/lib/clock.ts'

const TIMEOUT = 1000

/** A line whose time is told, and what has become of its calls. */
function line() {
  let elapsed = 0
  const timers = new Map<() => void, number>()
  const clock: Clock = {
    now: () => elapsed,
    after(delay, callback) {
      timers.set(callback, elapsed + delay)
      return () => timers.delete(callback)
    },
  }
  const inFlight = new InFlight(clock, TIMEOUT)
  const endings: string[] = []

  function add(name: string, signal = new AbortController().signal): number {
    const call: Cuttable = {
      signal,
      cutOff(why) {
        endings.push(`${name}: ${why}`)
        inFlight.remove(place)
      },
    }
    const place = inFlight.add(call)
    return place
  }

  function at(moment: number): readonly string[] {
    elapsed = moment
    for (const [callback, due] of [...timers]) {
      if (due > elapsed) continue
      timers.delete(callback)
      callback()
    }
    return endings.splice(0)
  }

  return { inFlight, add, at, timers, endings }
}

test('each call is cut off when its time is up, with one timer for all', () => {
  const { add, at, timers } = line()
  add('first')
  expect(at(400)).toEqual([])
  add('second')
  add('third')
  expect(timers.size).toBe(1)
  expect(at(999)).toEqual([])
  expect(at(1000)).toEqual(['first: timeout'])
  expect(timers.size).toBe(1)
  expect(at(1400)).toEqual(['second: timeout', 'third: timeout'])
  expect(timers.size).toBe(0)
})

test('a call that has ended is let be, and the timer finds the next', () => {
  const { inFlight, add, at } = line()
  const first = add('first')
  at(600)
  add('second')
  inFlight.remove(first)
  expect(at(1000)).toEqual([])
  expect(at(1599)).toEqual([])
  expect(at(1600)).toEqual(['second: timeout'])
})

test('nothing is left behind when nothing is under way', () => {
  const { inFlight, add, timers } = line()
  const { signal } = new AbortController()
  const calls = [add('first', signal), add('second', signal)]
  expect(getEventListeners(signal, 'abort')).toHaveLength(1)
  for (const call of calls) inFlight.remove(call)
  expect(getEventListeners(signal, 'abort')).toEqual([])
  expect(timers.size).toBe(0)
})

test('an abort ends the calls of its signal, and no other', () => {
  const { add, endings } = line()
  const stop = new AbortController()
  add('first', stop.signal)
  add('second')
  add('third', stop.signal)
  stop.abort()
  expect(endings).toEqual(['first: interrupted', 'third: interrupted'])
})
