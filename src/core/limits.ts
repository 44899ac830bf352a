import type { DurationMs, EpochMs } from './units.ts'

/** At most `count` calls in any window of `per`, on average. */
export interface Rate {
  readonly count: number
  readonly per: DurationMs
}

/** What a system allows, over all workers together. */
export interface Limits {
  readonly concurrency: number
  readonly rate: Rate | null
}

/**
 * The part of a whole limit that the worker at `position` of `workers` may use. The parts add up to
 * the whole; the first workers get what does not divide evenly.
 */
export function share(whole: number, workers: number, position: number): number {
  return Math.floor(whole / workers) + (position < whole % workers ? 1 : 0)
}

/** The same part of a rate: each worker gets an equal fraction. */
export function shareOfRate(rate: Rate, workers: number): Rate {
  return { count: rate.count / workers, per: rate.per }
}

/** How much of a window's calls may come at once before they are spread evenly: a twentieth. */
const BURST = 0.05

/**
 * A rate limit as one number, the theoretical arrival time of the next call (GCRA, ITU-T I.371).
 *
 * @param tat the state: the theoretical arrival time so far, 0 at first
 * @returns how long to wait before a call is allowed; 0 means now
 */
export function rateWait(rate: Rate, tat: EpochMs, now: EpochMs): DurationMs {
  return Math.max(0, tat - now - rate.per * BURST)
}

/** The state after a call was made at `now`. */
export function rateTaken(rate: Rate, tat: EpochMs, now: EpochMs): EpochMs {
  return Math.max(tat, now) + rate.per / rate.count
}
