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
  /** How long the system is left alone after this refusal … */
  readonly wait: DurationMs
  /** … by everybody, and not only by the worker that was refused. */
  readonly forAll: boolean
}

/** What one worker saw from the end of one wait to the next refusal. */
export interface Spell {
  /** How many of its calls the system let through. */
  readonly passed: number
  /** How long it had called when the call began that was refused, in milliseconds; more than 0. */
  readonly length: DurationMs
  /** How many workers may call the system, this one included. */
  readonly workers: number
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
/** Waits that were too short double, up to this; and of one worker beside others, up to that. */
const WAIT_MAX_MS: DurationMs = 60_000
const ASIDE_MAX_MS: DurationMs = 10_000

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
  spell: Spell,
  asked: DurationMs | null,
): LearnedRate {
  const { passed, length, workers } = spell
  if (before === null) {
    const wait = honoured(asked)
    const rate = Math.max(RATE_MIN, passed / (length + wait))
    return { rate, searching: true, wait, forAll: true }
  }
  const next = passed < fewest(workers) ? steppedBack(before, spell) : adjusted(before, spell)
  if (asked !== null) return { ...next, wait: honoured(asked), forAll: true }
  return { ...next, forAll: workers === 1 }
}

/** Fewer calls let through say nothing of the rate: where there are others, theirs may have been in the way. */
function fewest(workers: number): number {
  return workers === 1 ? 1 : WAIT_CALLS
}

function adjusted(before: LearnedRate, { passed, length, workers }: Spell): LearnedRate {
  const tried = rateAfter(before, length)
  const rate = before.searching ? tried * (1 - DECREASE) : Math.min(tried, passed / length)
  return { ...before, rate, searching: false, wait: shortWait(tried * workers) }
}

/**
 * Alone, a worker of which not one call was let through has waited too short. Beside others, it may have
 * come when they did: it keeps its rate, and leaves them more and more of the time. Whoever gets through
 * goes on, so a system that takes one call at a time is soon called by one worker at a time.
 */
function steppedBack(before: LearnedRate, { passed, length, workers }: Spell): LearnedRate {
  const { rate, searching, wait } = before
  // A search that others have ended far below would take minutes to come up from there.
  if (searching && passed > 0) {
    const lower = rateAfter(before, length) * (1 - DECREASE)
    return { ...before, rate: lower, wait: shortWait(lower * workers) }
  }
  const longest = workers === 1 ? WAIT_MAX_MS : ASIDE_MAX_MS
  // It was not the others, then: the system takes far less than it did.
  const isTooFast = workers > 1 && wait >= longest
  return {
    ...before,
    rate: isTooFast ? Math.max(RATE_MIN, rate / 2) : rate,
    wait: Math.min(longest, wait * 2),
  }
}

function shortWait(rate: number): DurationMs {
  return Math.round(Math.min(WAIT.max, Math.max(WAIT.min, WAIT_CALLS / rate)))
}
