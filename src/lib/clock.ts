import type { DurationMs, EpochMs } from '../core/units.ts'

/** Longer delays overflow Node's timers, which then fire at once: they are waited for in pieces. */
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

/** The wall clock is looked at no more often than this: the time is asked for several times for each call. */
const LOOK_EVERY_MS = 1

/** While the time is ahead of the wall clock it runs slower by this part, until they agree. */
const SLOWER_BY = 1 / 16

/**
 * The wall clock's time, but for one thing: it never goes back. Where the wall clock is set back,
 * whatever waits for a moment would wait that much longer, an hour where it is an hour; so the time
 * runs on, a little slower, until the wall clock has caught up. Set forward, it is followed at once.
 *
 * @param wall what may be set, in whole milliseconds
 * @param monotonic what nobody sets
 */
export function steadyTime(wall: () => EpochMs, monotonic: () => DurationMs): () => EpochMs {
  let lookedAt = monotonic()
  let offset = wall() - lookedAt
  return () => {
    const elapsed = monotonic()
    if (elapsed - lookedAt >= LOOK_EVERY_MS) {
      const ahead = offset - (wall() - elapsed)
      offset -= Math.min(ahead, (elapsed - lookedAt) * SLOWER_BY)
      lookedAt = elapsed
    }
    return Math.floor(elapsed + offset)
  }
}

const now = steadyTime(
  () => Date.now(),
  () => performance.now(),
)

/** The machine's own clock, never going back. Its timers do not keep the process alive. */
export const systemClock: Clock = {
  now,
  after(delay, callback) {
    const due = now() + delay
    let timer = wait(delay)

    function wait(time: DurationMs): NodeJS.Timeout {
      return setTimeout(fire, Math.min(Math.max(0, time), TIMER_MAX_MS)).unref()
    }

    function fire(): void {
      // Timers count in another time: they may be early by a little, or by a sixteenth.
      const left = due - now()
      if (left > 0) timer = wait(left)
      else callback()
    }

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
