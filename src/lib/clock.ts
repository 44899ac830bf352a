import type { DurationMs, EpochMs } from '../core/units.ts'

/** Longer delays overflow Node's timers, which then fire at once. */
const TIMER_MAX_MS = 2 ** 31 - 1

/**
 * Time, as everything that waits or looks at it sees it. Only this file may touch the real thing,
 * so that a simulation can put another in its place.
 */
export interface Clock {
  now(): EpochMs
  /** Calls back once, after at least `delay`; the answer undoes it. Never fires before `now` agrees. */
  after(delay: DurationMs, callback: () => void): Cancel
}

export type Cancel = () => void

/** The machine's own clock. Its timers do not keep the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(delay, callback) {
    const timer = setTimeout(callback, Math.min(Math.max(0, delay), TIMER_MAX_MS))
    timer.unref()
    return () => clearTimeout(timer)
  },
}

/** Resolves after `delay`. */
export function sleep(clock: Clock, delay: DurationMs): Promise<void> {
  return new Promise((resolve) => {
    clock.after(delay, resolve)
  })
}

/** Keeps the process alive, though nothing else may, until the answer is called. */
export function stayAlive(): Cancel {
  const timer = setInterval(() => {}, TIMER_MAX_MS)
  return () => clearInterval(timer)
}
