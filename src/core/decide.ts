import { PROBE_EVERY_MS } from './gate.ts'
import type { Outcome, Stage } from './outcome.ts'
import { backOff, honoured, type RetryPolicy } from './retry.ts'
import type { EpochMs, Random } from './units.ts'
import type { MappingError, Verdict } from './verdict.ts'

const RETRIED = new Set([408, 425, 429])
const HELD = new Set([401, 403, 407])

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
      return { kind: 'snooze', runAt: now, error: null, gate: null }
    case 'unanswered':
      return retryOrFail({ ...facts(outcome), httpStatus: null })
    case 'refused':
      return judgeStatus(outcome)
  }

  function judgeStatus(refused: Extract<Outcome, { kind: 'refused' }>): Verdict {
    const { httpStatus, retryAfter } = refused
    const error = refusal(refused)
    if (httpStatus === 429 || (httpStatus === 503 && retryAfter !== null)) {
      return { kind: 'snooze', runAt: now + honoured(retryAfter), error, gate: 'throttled' }
    }
    if (HELD.has(httpStatus))
      return { kind: 'snooze', runAt: now + PROBE_EVERY_MS, error, gate: 'held' }
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
  if (HELD.has(httpStatus)) return 'unauthorized'
  return RETRIED.has(httpStatus) || httpStatus >= 500 ? 'unavailable' : 'rejected'
}
