import type { Gate } from './gate.ts'
import { type Limits, type Rate, rateSpan } from './limits.ts'
import type { DurationMs, EpochMs } from './units.ts'

/** How long a call to a system takes, and how that is known. */
export interface CallLength {
  readonly duration: DurationMs
  /** `timeout`: nothing is known, but that no call takes longer. */
  readonly known: 'measured' | 'configured' | 'timeout'
}

/** What one system would have to do for a request, and what it allows. */
export interface SystemWork {
  readonly system: string
  /** Records that are read from it. */
  readonly reads: number
  /** Mappings that are written to it. */
  readonly writes: number
  /** Those that are open there already, and go before the last of them. */
  readonly before: number
  /** How many mappings one call that writes may hold. */
  readonly together: number
  /** In force now. */
  readonly limits: Limits
  /** How many calls a second it has taught us that it takes; null where it has not. */
  readonly learned: number | null
  readonly call: CallLength
  readonly gate: Gate
  readonly paused: boolean
}

/** What sets the pace of the calls to a system. */
export type Pace =
  | { readonly kind: 'rate'; readonly rate: Rate; readonly isLearned: boolean }
  | { readonly kind: 'concurrency' }

/** How long one system would take for its part of a request. */
export interface Outlook {
  readonly work: SystemWork
  readonly pace: Pace
  /** Until its gate opens; null where nobody can tell. */
  readonly closed: DurationMs | null
  /** For what goes before. */
  readonly before: DurationMs
  /** For the request's own calls. */
  readonly own: DurationMs
}

/**
 * How long one system would take for its part of a request that is handed in at `now`: with one attempt
 * at each mapping, with its limits used to the full, and with nothing that comes in later.
 */
export function outlookOf(work: SystemWork, now: EpochMs): Outlook {
  const all = work.writes + work.before
  const pace = pacesOf(work).reduce((slowest, each) =>
    spanOf(each, work, all) > spanOf(slowest, work, all) ? each : slowest,
  )
  const own = spanOf(pace, work, work.writes)
  return { work, pace, closed: closedFor(work, now), before: spanOf(pace, work, all) - own, own }
}

/** At least one. How long calls take does not count where it is not known, and a rate is. */
function pacesOf({ limits, learned, call }: SystemWork): readonly Pace[] {
  const rates = (limits.rate ?? []).map((rate): Pace => ({ kind: 'rate', rate, isLearned: false }))
  if (learned !== null) {
    rates.push({ kind: 'rate', rate: { count: learned, per: 1000, burst: 1 }, isLearned: true })
  }
  const isUnknown = call.known === 'timeout' && rates.length > 0
  return isUnknown ? rates : [{ kind: 'concurrency' }, ...rates]
}

function spanOf(pace: Pace, work: SystemWork, writes: number): DurationMs {
  const { reads, together, limits, call, before } = work
  const calls = Math.ceil(writes / together)
  if (reads + calls === 0) return 0
  if (pace.kind === 'concurrency') {
    return Math.ceil((reads + calls) / limits.concurrency) * call.duration
  }
  const { read, write } = limits.cost ?? { read: 1, write: 1 }
  const last = calls > 0 ? write : read
  return rateSpan(pace.rate, reads * read + calls * write - last, before === 0) + knownLength(call)
}

/** How long a call takes; 0 where nobody knows. */
export function knownLength({ duration, known }: CallLength): DurationMs {
  return known === 'timeout' ? 0 : duration
}

function closedFor({ gate, paused }: SystemWork, now: EpochMs): DurationMs | null {
  if (paused) return null
  if (gate === null) return 0
  return gate.state === 'throttled' ? Math.max(0, gate.until - now) : null
}
