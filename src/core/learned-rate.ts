/**
 * Finds out how many calls in a time a system takes that refuses what is too much and does not say how
 * many that is. Like CUBIC, the congestion control of TCP (RFC 9438): a little less than what was
 * refused, soon back to it, there for long, and then ever more boldly beyond; and before anything is
 * known, doubling as in its slow start. One thing differs: how boldly it goes is measured by what a
 * refusal costs, which is the wait after it. docs/limits-and-gates.md tells what comes of it.
 */
import { honoured } from './retry.ts'
import type { DurationMs } from './units.ts'

/** What is known after a refusal. */
export interface LearnedRate {
  /** Calls a millisecond: where the search began, or what the system takes as far as is known. */
  readonly rate: number
  /** Nothing slower has been refused so far: it is searched for from below. */
  readonly searching: boolean
  /** How long the system is left alone after this refusal. */
  readonly wait: DurationMs
}

/** What was seen from the end of one wait to the next refusal. */
export interface Spell {
  /** How many calls the system let through. */
  readonly passed: number
  /** How long there were calls, in milliseconds; more than 0. */
  readonly length: DurationMs
}

/** So long it takes the search to double. */
const DOUBLING_MS: DurationMs = 250

/** What was refused is gone back from by so much, and returned to in `PATIENCE` waits. */
const DECREASE = 0.1
const PATIENCE = 30

/** A wait that nobody asked for: about so many calls … */
const WAIT_CALLS = 10
/** … but within these bounds, or a hiccup would stop us for long. */
const WAIT: { readonly min: DurationMs; readonly max: DurationMs } = { min: 100, max: 1000 }
/** Waits that were too short double, up to this. */
const WAIT_MAX_MS: DurationMs = 60_000

/** The slowest that a search begins. */
const RATE_MIN = 1 / 1000

/** How many calls a millisecond may be tried, so long after the wait was over. */
export function rateAfter({ rate, searching, wait }: LearnedRate, age: DurationMs): number {
  if (searching) return rate * 2 ** (age / DOUBLING_MS)
  return rate * (1 + DECREASE * (age / (PATIENCE * wait) - 1) ** 3)
}

/**
 * What a refusal teaches.
 *
 * @param before what was known; null before the first refusal
 * @param asked for how long the system asked to be left alone; null where it did not say
 */
export function learnedRate(
  before: LearnedRate | null,
  { passed, length }: Spell,
  asked: DurationMs | null,
): LearnedRate {
  if (before === null) {
    const wait = honoured(asked)
    const rate = Math.max(RATE_MIN, passed / (length + wait))
    return { rate, searching: true, wait }
  }
  // Not even one call was let through: what was wrong is the wait, and not the rate.
  if (passed === 0) {
    const longer = Math.min(WAIT_MAX_MS, before.wait * 2)
    return { ...before, wait: asked === null ? longer : honoured(asked) }
  }
  const tried = rateAfter(before, length)
  const rate = before.searching ? tried * (1 - DECREASE) : Math.min(tried, passed / length)
  return { rate, searching: false, wait: asked === null ? shortWait(tried) : honoured(asked) }
}

function shortWait(rate: number): DurationMs {
  return Math.round(Math.min(WAIT.max, Math.max(WAIT.min, WAIT_CALLS / rate)))
}
