import type { Outcome } from './outcome.ts'
import { honoured } from './retry.ts'
import type { EpochMs } from './units.ts'

/**
 * Why a lane is not moving.
 * - `throttled`: the system asked to be left alone until then; it opens by itself.
 * - `held`: the system refuses our credentials; from then on one mapping at a time probes it.
 */
export interface ClosedGate {
  readonly state: 'throttled' | 'held'
  readonly until: EpochMs
  /** A sentence for a person. */
  readonly reason: string
}

export type Gate = ClosedGate | null

/** How long a system that refuses our credentials is left alone between two probes. */
export const PROBE_EVERY_MS = 60_000

/** Null is open. What a closed gate lets through at `now`. */
export function passage(gate: Gate, now: EpochMs): 'all' | 'probe' | 'none' {
  if (gate === null) return 'all'
  if (now < gate.until) return 'none'
  return gate.state === 'held' ? 'probe' : 'all'
}

const UNAUTHORIZED = new Set([401, 403, 407])

/** Whether a status says that our credentials are refused, which no attempt of any mapping mends. */
export function isUnauthorized(httpStatus: number): boolean {
  return UNAUTHORIZED.has(httpStatus)
}

/** What an answer asks of everyone who would call its system; null for nothing. */
export function gateAfter(outcome: Outcome, now: EpochMs): Gate {
  if (outcome.kind !== 'refused') return null
  const { httpStatus, retryAfter, message: reason } = outcome
  if (httpStatus === 429 || (httpStatus === 503 && retryAfter !== null)) {
    return { state: 'throttled', until: now + honoured(retryAfter), reason }
  }
  return isUnauthorized(httpStatus) ? { state: 'held', until: now + PROBE_EVERY_MS, reason } : null
}
