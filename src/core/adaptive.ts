/**
 * Finds out how many calls at once a system takes: additive increase, multiplicative decrease, as in
 * TCP (Chiu and Jain 1989), by what the answers say and how long they take. docs/limits-and-gates.md
 * tells when to use it.
 */
import type { DurationMs } from './units.ts'

export interface AdaptiveBounds {
  readonly min: number
  readonly max: number
}

export interface Adaptive {
  /** How many calls may be under way now; whole. */
  readonly limit: number
  /** How long a call takes when none waits for another; null while nothing is known. */
  readonly baseline: DurationMs | null
  /** Nothing has pushed back so far: double, to be there soon. */
  readonly doubling: boolean
}

/** What a worker saw in a row of calls; there is at least one. */
export interface Round {
  readonly calls: number
  /** Of them, those that failed in a way that blames the system. */
  readonly failures: number
  /** It said that there are too many. */
  readonly throttled: boolean
  /** How long a call took on average. */
  readonly latency: DurationMs
  /** All that might be under way was, at some time. */
  readonly full: boolean
}

/** How many calls make a round, at least: fewer say too little. */
const ROUND_MIN = 10

/** Back to so much of it when the system pushes back. */
const DECREASE = 0.7

/** Some fail for reasons of their own; more than this part is a system that has too much to do. */
const FAILURES_MAX = 0.1

/** Calls that take this much longer than alone are waiting for each other … */
const LATENCY_FACTOR = 1.3
/** … unless it is too little to tell from chance. */
const LATENCY_NOISE_MS: DurationMs = 2

/** A system that stays slow while it is called less has become slower; it is believed by and by. */
const BASELINE_DRIFT = 1.05

/** Where it begins: low, and doubling. */
export function adaptiveStart({ min }: AdaptiveBounds): Adaptive {
  return { limit: min, baseline: null, doubling: true }
}

/** How many calls to watch before the next decision. */
export function roundLength({ limit }: Adaptive): number {
  return Math.max(ROUND_MIN, limit)
}

/** What follows from one round. It may shrink at any time, and grows only while all of it is used. */
export function adapted(state: Adaptive, { min, max }: AdaptiveBounds, round: Round): Adaptive {
  const { limit, doubling } = state
  const known = state.baseline ?? round.latency
  const bounded = (wanted: number) => Math.min(max, Math.max(min, wanted))
  const less = { limit: bounded(Math.floor(limit * DECREASE)), doubling: false }
  // What is refused, or fails, may be answered at once: it says nothing of how long a call takes.
  if (isRefused(round)) return { ...less, baseline: state.baseline }
  if (isSlow(round, known)) {
    return { ...less, baseline: Math.max(known, LATENCY_NOISE_MS) * BASELINE_DRIFT }
  }
  const baseline = Math.min(known, round.latency)
  if (!round.full) return { limit: bounded(limit), baseline, doubling }
  return { limit: bounded(doubling ? limit * 2 : limit + 1), baseline, doubling }
}

function isRefused({ calls, failures, throttled }: Round): boolean {
  return throttled || failures > FAILURES_MAX * calls
}

function isSlow({ latency }: Round, baseline: DurationMs): boolean {
  return latency > LATENCY_FACTOR * baseline + LATENCY_NOISE_MS
}
