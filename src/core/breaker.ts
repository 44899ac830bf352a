import type { ClosedGate } from './gate.ts'
import type { DurationMs, EpochMs } from './units.ts'

/**
 * When so many calls fail that a system had better be left alone. A call fails where another attempt
 * may end better: no answer, a 500. A refusal of the one mapping says nothing of the system.
 */
export interface BreakerPolicy {
  /** From this part of the calls on, in (0, 1]. */
  readonly failureRatio: number
  /** Over this length of time … */
  readonly window: DurationMs
  /** … and not before so many calls were counted in it. */
  readonly minimum: number
  /** How long the system is left alone, before the first probe and between two. */
  readonly cooldown: DurationMs
}

/** What a worker has counted of late: slots of a tenth of the window, oldest first. */
export type BreakerCounts = readonly Slot[]

interface Slot {
  readonly since: EpochMs
  readonly calls: number
  readonly failures: number
}

const SLOTS = 10

/** The counts with one call more, and without what has fallen out of the window. */
export function counted(
  counts: BreakerCounts,
  { window }: BreakerPolicy,
  failed: boolean,
  now: EpochMs,
): BreakerCounts {
  const slot = window / SLOTS
  const kept = counts.filter(({ since }) => since > now - window)
  const last = kept.at(-1)
  const failure = failed ? 1 : 0
  if (last === undefined || now >= last.since + slot) {
    return [...kept, { since: now, calls: 1, failures: failure }]
  }
  return [
    ...kept.slice(0, -1),
    { since: last.since, calls: last.calls + 1, failures: last.failures + failure },
  ]
}

/** The gate that the counts close; null while too few calls fail. */
export function trippedBy(
  counts: BreakerCounts,
  policy: BreakerPolicy,
  now: EpochMs,
): ClosedGate | null {
  let [calls, failures] = [0, 0]
  for (const slot of counts) {
    calls += slot.calls
    failures += slot.failures
  }
  if (calls < policy.minimum || failures < policy.failureRatio * calls) return null
  return tripped(policy, `${failures} of its last ${calls} calls failed`, now)
}

/** The gate of a system that a probe found no better. */
export function trippedAgain(policy: BreakerPolicy, now: EpochMs): ClosedGate {
  return tripped(policy, 'A call to see whether it works again failed', now)
}

function tripped({ cooldown }: BreakerPolicy, what: string, now: EpochMs): ClosedGate {
  return { state: 'tripped', until: now + cooldown, reason: `${what}; it is left alone a while.` }
}
