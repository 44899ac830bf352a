import type { AnswerPolicy } from '../core/answers.ts'
import type { BreakerPolicy } from '../core/breaker.ts'
import type { Policy } from '../core/decide.ts'
import type { Limits } from '../core/limits.ts'
import type { Outcome } from '../core/outcome.ts'
import type { RetryPolicy } from '../core/retry.ts'

/** What a worker must know of a system to deal with it. */
export interface SystemRules {
  readonly limits: Limits
  readonly retry: RetryPolicy
  readonly answers: AnswerPolicy
  /** None: it is never left alone for failing. */
  readonly breaker?: BreakerPolicy
  /** How many mappings one call to it may hold. */
  readonly together: number
  /** Records can be read from it. */
  readonly readable: boolean
}

/** By what an attempt's ending is judged: what a source's answer means, the source's rules say. */
export function policyFor(
  outcome: Outcome,
  target: string,
  source: string | null,
  rules: (system: string) => SystemRules,
): Policy {
  const own = rules(target)
  if (source === null || outcome.kind !== 'refused' || outcome.stage === 'write') return own
  return { retry: own.retry, answers: rules(source).answers }
}
