import { honoured } from './retry.ts'
import type { DurationMs, EpochMs } from './units.ts'

/** What a system says in its answers of its own limit; null where it does not say. */
export interface Quota {
  /** How many calls a window holds. */
  readonly limit: number | null
  /** How long a window is. */
  readonly window: DurationMs | null
  /** How many calls are left in this window … */
  readonly remaining: number | null
  /** … and when the next one begins. */
  readonly resetsAt: EpochMs | null
}

/** How many calls may still be started until `until`. */
export interface Allowance {
  readonly calls: number
  readonly until: EpochMs
}

/** Answers that name the same moment, but for a second that one of us rounds. */
const SAME_WINDOW_MS: DurationMs = 1000

/**
 * What an answer leaves one of so many workers to do in this window: its part of what remains, less
 * its own calls under way, which the answer may not know of. Answers overtake each other, so within
 * a window the smallest holds.
 */
export function allowanceAfter(
  before: Allowance | null,
  { remaining, resetsAt }: Quota,
  workers: number,
  underWay: number,
  now: EpochMs,
): Allowance | null {
  if (remaining === null || resetsAt === null || resetsAt <= now) return before
  const until = now + honoured(resetsAt - now)
  const calls = Math.max(0, Math.floor(remaining / workers) - underWay)
  const isSameWindow = before !== null && until < before.until + SAME_WINDOW_MS
  return isSameWindow
    ? { calls: Math.min(calls, before.calls), until: before.until }
    : { calls, until }
}
