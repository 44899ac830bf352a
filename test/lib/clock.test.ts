import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sleep, steadyTime, systemClock } from '../../src/lib/clock.ts'

const HOUR = 3_600_000
const START = Date.UTC(2026, 0, 1)

/** A machine whose wall clock somebody sets; `pass` lets time go by on both. */
function machine() {
  let monotonic = 1234.5
  let wall = START
  const now = steadyTime(
    () => Math.floor(wall),
    () => monotonic,
  )
  return {
    now,
    wall: () => Math.floor(wall),
    pass(duration: number) {
      monotonic += duration
      wall += duration
    },
    set(by: number) {
      wall += by
    },
  }
}

describe('the time', () => {
  test('is that of the wall clock, to the millisecond', () => {
    const { now, wall, pass } = machine()
    for (let look = 0; look < 1000; look++) {
      pass(0.7)
      expect(wall() - now()).toBeGreaterThanOrEqual(0)
      expect(wall() - now()).toBeLessThanOrEqual(1)
    }
  })

  test('follows the wall clock forwards at once', () => {
    const { now, wall, pass, set } = machine()
    set(HOUR)
    pass(1)
    expect(now()).toBe(wall())
  })

  test('goes on where the wall clock is set back, and is caught up with', () => {
    const { now, wall, pass, set } = machine()
    const before = now()
    set(-HOUR)
    pass(1600)
    expect(now()).toBe(before + 1500)
    pass(17 * HOUR)
    expect(now()).toBe(wall())
  })

  test('never goes back, whatever is done to the wall clock', () => {
    const step = fc.tuple(fc.double({ min: 0, max: 1e6, noNaN: true }), fc.integer())
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const { now, pass, set } = machine()
        let last = now()
        for (const [duration, by] of steps) {
          pass(duration)
          set(by)
          const next = now()
          expect(next).toBeGreaterThanOrEqual(last)
          last = next
        }
      }),
    )
  })

  test('has come when a timer goes off, and not a moment before', async () => {
    const due = Array.from({ length: 20 }, (_, place) => systemClock.now() + place)
    await Promise.all(
      due.map(async (at) => {
        await sleep(systemClock, at - systemClock.now())
        expect(systemClock.now()).toBeGreaterThanOrEqual(at)
      }),
    )
  })

  test('is that of this machine', () => {
    expect(Math.abs(systemClock.now() - Date.now())).toBeLessThanOrEqual(2)
  })
})
