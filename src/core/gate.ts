import { type AnswerPolicy, demandOf } from './answers.ts'
import type { Outcome } from './outcome.ts'
import type { Quota } from './quota.ts'
import { honoured } from './retry.ts'
import type { DurationMs, EpochMs } from './units.ts'

/** Why a gate can be closed by what a system answers. */
export const CLOSED_STATES = ['throttled', 'tripped', 'held'] as const

/**
 * Why a system is not called.
 * - `throttled`: it asked to be left alone until then; the gate opens by itself.
 * - `tripped`: too many calls failed; from then on one mapping at a time probes it.
 * - `held`: it refuses our credentials, or cannot be called as it is set up; from then on one mapping
 *   at a time probes it.
 *
 * An operator can pause a system besides, whatever its gate.
 */
export interface ClosedGate {
  readonly state: (typeof CLOSED_STATES)[number]
  readonly until: EpochMs
  /** A sentence for a person. */
  readonly reason: string
}

export type Gate = ClosedGate | null

/** How long a system that is held is left alone between two probes. */
export const PROBE_EVERY_MS = 60_000

/** Null is open. What a closed gate lets through at `now`. */
export function passage(gate: Gate, now: EpochMs): 'all' | 'probe' | 'none' {
  if (gate === null) return 'all'
  if (now < gate.until) return 'none'
  return gate.state === 'throttled' ? 'all' : 'probe'
}

/** What an answer asks of everyone who would call its system; null for nothing. */
export function gateAfter(outcome: Outcome, answers: AnswerPolicy, now: EpochMs): Gate {
  switch (outcome.kind) {
    case 'misconfigured':
      return held(outcome.message, now)
    case 'declined':
      return outcome.manner === 'unauthorized' ? held(outcome.message, now) : null
    case 'refused':
      return gateAfterStatus(outcome, answers, now)
    default:
      return null
  }
}

function gateAfterStatus(
  { httpStatus, retryAfter, message: reason }: Extract<Outcome, { kind: 'refused' }>,
  answers: AnswerPolicy,
  now: EpochMs,
): Gate {
  switch (demandOf(httpStatus, retryAfter, answers)) {
    case 'throttle':
      return { state: 'throttled', until: now + honoured(retryAfter), reason }
    case 'hold':
      return held(reason, now)
    default:
      return null
  }
}

function held(reason: string, now: EpochMs): ClosedGate {
  return { state: 'held', until: now + PROBE_EVERY_MS, reason }
}

/** For windows shorter than this, waiting out the rest of one is not worth telling everybody. */
const GATE_FROM_MS: DurationMs = 2000

/** The gate that a system closes by saying that no call is left; null where there is one, or soon. */
export function gateOfQuota({ remaining, resetsAt }: Quota, now: EpochMs): ClosedGate | null {
  if (remaining !== 0 || resetsAt === null || resetsAt - now < GATE_FROM_MS) return null
  const until = now + honoured(resetsAt - now)
  return { state: 'throttled', until, reason: 'Its answers say that no call is left until then.' }
}
