import type { AnswerPolicy } from '../../core/answers.ts'
import type { BreakerPolicy } from '../../core/breaker.ts'
import type { Limits } from '../../core/limits.ts'
import type { RetryPolicy } from '../../core/retry.ts'
import type { DurationMs } from '../../core/units.ts'

/** How the callbacks to one receiver are dealt with. */
export interface CallbackRules {
  readonly limits: Limits
  readonly retry: RetryPolicy
  readonly answers: AnswerPolicy
  readonly breaker: BreakerPolicy
  readonly together: number
  readonly readable: boolean
}

/**
 * The same for every receiver; docs/callbacks.md tells them what to expect. 24 attempts are spread over
 * about two days, and four at most: the wait doubles from 5 s to 8 h, and is half of that on average.
 *
 * @param concurrency how many calls to one receiver may be under way, where no operator says otherwise
 */
export function callbackRules(concurrency: number): CallbackRules {
  return {
    limits: { concurrency, rate: null },
    retry: { attempts: 24, first: 5000, cap: 8 * 3_600_000 },
    // All is tried again but what says that it is too much (429, 503), or that there is nobody (410). A
    // refusal is that of one URL: it must not hold up the others of its host.
    answers: {
      failOn: [[410, 410]],
      holdOn: [],
      retryOn: [
        [300, 428],
        [430, 502],
        [504, 599],
      ],
    },
    // Only a host of which hardly a URL answers well is left alone.
    breaker: { failureRatio: 0.9, window: 60_000, minimum: 20, cooldown: 60_000 },
    together: 1,
    readable: false,
  }
}

/** A receiver should answer at once, and work later. */
export const CALLBACK_TIMEOUT_MS: DurationMs = 15_000

/** Nothing of an answer is kept but its status. */
export const CALLBACK_ANSWER_BYTES_MAX = 65_536
