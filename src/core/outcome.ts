import type { Quota } from './quota.ts'
import type { DurationMs, Json } from './units.ts'

/** The steps of one attempt, in order; the first that does not succeed ends it. */
export type Stage = 'read' | 'transform' | 'write'

/**
 * What an answer that is not a success comes to: our credentials do not suffice, it cannot now and
 * may later, or it will not have this one.
 */
export type Manner = 'unauthorized' | 'unavailable' | 'rejected'

/** What one attempt saw: facts, no decision. `decide` alone turns it into a verdict. */
export type Outcome =
  /** The target took it; `result` is what it answered. */
  | { readonly kind: 'delivered'; readonly result: Json; readonly learned?: Quota }
  /** The system answered, and the answer was not a success. */
  | {
      readonly kind: 'refused'
      readonly stage: 'read' | 'write'
      readonly httpStatus: number
      /** What the answer's Retry-After asked for, before any clamping. */
      readonly retryAfter: DurationMs | null
      readonly message: string
      /** What the answer says of the system's own limit, where it does. */
      readonly learned?: Quota
      /** It was said to many at once, and only some of them may be meant. */
      readonly divisible?: true
    }
  /** The same of a system that does not speak HTTP; `manner` says what its answer comes to. */
  | {
      readonly kind: 'declined'
      readonly stage: 'read' | 'write'
      readonly manner: Manner
      readonly message: string
    }
  /** No answer that could be understood: it may or may not have arrived. */
  | {
      readonly kind: 'unanswered'
      readonly stage: 'read' | 'write'
      readonly code: 'timeout' | 'connection_failed' | 'invalid_response'
      readonly message: string
    }
  /** It could not be tried as it is, and will not be possible later either. */
  | {
      readonly kind: 'impossible'
      readonly stage: Stage
      readonly code: string
      readonly message: string
      /** It is so of many together, and need not be of each. */
      readonly divisible?: true
    }
  /** It could not be tried as the system is set up; mending that makes it possible. */
  | {
      readonly kind: 'misconfigured'
      readonly stage: 'read' | 'write'
      readonly code: string
      readonly message: string
    }
  /** We stopped it ourselves: a drain, a lost lease. It says nothing about the mapping. */
  | { readonly kind: 'interrupted' }
