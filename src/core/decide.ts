import { gateAfter, isUnauthorized } from './gate.ts'
import type { Outcome, Stage } from './outcome.ts'
import { backOff, type RetryPolicy } from './retry.ts'
import type { EpochMs, Random } from './units.ts'
import type { MappingError, Verdict } from './verdict.ts'

const RETRIED = new Set([408, 425, 429])

/**
 * What becomes of a mapping after an attempt. The one place where an attempt's ending is judged:
 * the same arguments always give the same verdict.
 *
 * @param attempts how many attempts have been spent, this one included
 */
export function decide(
  outcome: Outcome,
  attempts: number,
  policy: RetryPolicy,
  now: EpochMs,
  random: Random,
): Verdict {
  switch (outcome.kind) {
    case 'delivered':
      return { kind: 'completed', result: outcome.result }
    case 'impossible':
      return { kind: 'failed', error: { ...facts(outcome), httpStatus: null } }
    case 'interrupted':
      return { kind: 'snooze', runAt: now, error: null }
    case 'unanswered':
      return retryOrFail({ ...facts(outcome), httpStatus: null })
    case 'refused':
      return judgeStatus(outcome)
  }

  function judgeStatus(refused: Extract<Outcome, { kind: 'refused' }>): Verdict {
    const { httpStatus } = refused
    const error = refusal(refused)
    const gate = gateAfter(refused, now)
    if (gate !== null) return { kind: 'snooze', runAt: gate.until, error }
    if (RETRIED.has(httpStatus) || httpStatus >= 500) return retryOrFail(error)
    return { kind: 'failed', error }
  }

  function retryOrFail(error: MappingError): Verdict {
    if (attempts >= policy.attempts) return { kind: 'failed', error }
    return { kind: 'retry', runAt: now + backOff(policy, attempts, random), error }
  }
}

function facts({ stage, code, message }: { stage: Stage; code: string; message: string }) {
  return { stage, code, message }
}

function refusal(refused: Extract<Outcome, { kind: 'refused' }>): MappingError {
  const { stage, httpStatus, message } = refused
  const side = stage === 'read' ? 'source' : 'target'
  return { code: `${side}_${manner(httpStatus)}`, message, stage, httpStatus }
}

function manner(httpStatus: number): string {
  if (httpStatus === 429) return 'throttled'
  if (isUnauthorized(httpStatus)) return 'unauthorized'
  return RETRIED.has(httpStatus) || httpStatus >= 500 ? 'unavailable' : 'rejected'
}
