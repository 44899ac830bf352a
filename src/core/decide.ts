import { type AnswerPolicy, demandOf, isUnauthorized, isUnavailable } from './answers.ts'
import { gateAfter } from './gate.ts'
import type { Outcome, Stage } from './outcome.ts'
import { backOff, type RetryPolicy } from './retry.ts'
import type { EpochMs, Random } from './units.ts'
import type { MappingError, Verdict } from './verdict.ts'

/** By what an attempt's ending is judged. */
export interface Policy {
  readonly retry: RetryPolicy
  /** Of the system that answered. */
  readonly answers: AnswerPolicy
}

/**
 * What becomes of a mapping after an attempt. The one place where an attempt's ending is judged:
 * the same arguments always give the same verdict. Whatever closes a gate spends no attempt.
 *
 * @param attempts how many attempts have been spent, this one included
 */
export function decide(
  outcome: Outcome,
  attempts: number,
  { retry, answers }: Policy,
  now: EpochMs,
  random: Random,
): Verdict {
  if (outcome.kind === 'delivered') return { kind: 'completed', result: outcome.result }
  if (outcome.kind === 'interrupted') return { kind: 'snooze', runAt: now, error: null }
  const error = errorOf(outcome)
  const gate = gateAfter(outcome, answers, now)
  if (gate !== null) return { kind: 'snooze', runAt: gate.until, error }
  if (!mayPass(outcome, answers) || attempts >= retry.attempts) return { kind: 'failed', error }
  return { kind: 'retry', runAt: now + backOff(retry, attempts, random), error }
}

type Failing = Exclude<Outcome, { kind: 'delivered' | 'interrupted' }>

/** Whether another attempt at the same may end better: it failed, but not of the mapping. */
export function mayPass(outcome: Failing, answers: AnswerPolicy): boolean {
  switch (outcome.kind) {
    case 'unanswered':
      return true
    case 'refused':
      return demandOf(outcome.httpStatus, outcome.retryAfter, answers) === 'retry'
    case 'declined':
      return outcome.manner === 'unavailable'
    case 'impossible':
    case 'misconfigured':
      return false
  }
}

function errorOf(outcome: Failing): MappingError {
  const { stage, message } = outcome
  switch (outcome.kind) {
    case 'refused': {
      const { httpStatus } = outcome
      return { code: `${sideOf(stage)}_${manner(httpStatus)}`, message, stage, httpStatus }
    }
    case 'declined':
      return { code: `${sideOf(stage)}_${outcome.manner}`, message, stage, httpStatus: null }
    default:
      return { code: outcome.code, message, stage, httpStatus: null }
  }
}

function sideOf(stage: Stage): string {
  return stage === 'read' ? 'source' : 'target'
}

/** What a status says, whatever it is taken for: the lists change what we do, not what was answered. */
function manner(httpStatus: number): string {
  if (httpStatus === 429) return 'throttled'
  if (isUnauthorized(httpStatus)) return 'unauthorized'
  return isUnavailable(httpStatus) ? 'unavailable' : 'rejected'
}
