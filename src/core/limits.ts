import type { DurationMs, EpochMs } from './units.ts'

/** At most `count` calls in any window of `per`, on average. */
export interface Rate {
  readonly count: number
  readonly per: DurationMs
  /** How many calls may come at once after a pause, at least 1; a fiftieth of `count` unless told. */
  readonly burst?: number
}

/** What a system allows, over all workers together. */
export interface Limits {
  /** How many calls may be under way at once, at most. */
  readonly concurrency: number
  /** Where it is there, the number is found out by trial: never below this, nor above `concurrency`. */
  readonly adaptiveFrom?: number
  /** Each of these windows must allow a call; null allows any. */
  readonly rate: readonly Rate[] | null
  /** What a call takes out of the rate; 1 unless told. */
  readonly cost?: Cost
}

export interface Cost {
  readonly read: number
  readonly write: number
}

/** What an operator has said at run time; null leaves it to the systems file. */
export interface Override {
  readonly concurrency: number | null
  readonly rate: readonly Rate[] | null
  readonly paused: boolean
}

export const NO_OVERRIDE: Override = { concurrency: null, rate: null, paused: false }

/** Whether an operator has changed nothing, or has taken all of it back. */
export function isNoOverride({ concurrency, rate, paused }: Override): boolean {
  return concurrency === null && rate === null && !paused
}

/** The bounds of what the systems file or an operator may say. */
export const LIMIT_BOUNDS = { concurrency: 10_000, windows: 8, cost: 1_000_000 } as const

/** The limits that are in force: what the operator says goes before what the file says. */
export function inForce(limits: Limits, { concurrency, rate }: Override): Limits {
  const { adaptiveFrom, ...rest } = limits
  const fixed = concurrency === null ? limits : { ...rest, concurrency }
  return rate === null ? fixed : { ...fixed, rate }
}

/**
 * The part of a whole limit that the worker at `position` of `workers` may use. The parts add up to
 * the whole; the first workers get what does not divide evenly.
 */
export function share(whole: number, workers: number, position: number): number {
  return Math.floor(whole / workers) + (position < whole % workers ? 1 : 0)
}

/** The same part of a rate: each worker gets an equal fraction, of its burst as well. */
export function shareOfRate({ count, per, burst }: Rate, workers: number): Rate {
  const part = { count: count / workers, per }
  return burst === undefined ? part : { ...part, burst: 1 + (burst - 1) / workers }
}

/** How much of a window's calls may come at once where nothing is said: a fiftieth. */
const BURST = 0.02

/** How far calls may run ahead of an even spread. */
function lead({ count, per, burst }: Rate): DurationMs {
  return burst === undefined ? per * BURST : ((burst - 1) * per) / count
}

/**
 * A rate limit as one number, the theoretical arrival time of the next call (GCRA, ITU-T I.371).
 *
 * @param tat the state: the theoretical arrival time so far, 0 at first
 * @returns how long to wait before a call is allowed; 0 means now
 */
export function rateWait(rate: Rate, tat: EpochMs, now: EpochMs): DurationMs {
  return Math.max(0, tat - now - lead(rate))
}

/** The state after a call was made at `now` that counts as `cost` of them. */
export function rateTaken(rate: Rate, tat: EpochMs, now: EpochMs, cost = 1): EpochMs {
  return Math.max(tat, now) + (cost * rate.per) / rate.count
}

/**
 * How long after the first of some calls the last of them may begin, where nothing but this rate holds
 * them up: from a rate that has rested, or from one whose burst is used up.
 *
 * @param cost what those before the last count as, together
 */
export function rateSpan(rate: Rate, cost: number, isRested: boolean): DurationMs {
  const span = (cost * rate.per) / rate.count
  return Math.max(0, span - (isRested ? lead(rate) : 0))
}

/** The state of a rate whose burst is used up: what comes now is spread evenly. */
export function rateSpent(rate: Rate, now: EpochMs): EpochMs {
  return now + lead(rate)
}
