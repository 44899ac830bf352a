import type { AnswerPolicy } from './answers.ts'
import type { BreakerPolicy } from './breaker.ts'
import type { Limits } from './limits.ts'
import type { RetryPolicy } from './retry.ts'
import type { DurationMs } from './units.ts'

/** What is known of one system before anything is connected: an entry of the systems file. */
export interface SystemEntry {
  readonly name: string
  /** The name of its kind. */
  readonly kind: string
  readonly limits: Limits
  readonly timeout: DurationMs
  readonly retry: RetryPolicy
  readonly answers: AnswerPolicy
  /** When it is left alone because too many calls fail; never, where there is none. */
  readonly breaker?: BreakerPolicy
  /** The rest of the entry; the kind's own schema has accepted it. */
  readonly config: unknown
  /** The same to be looked at: whatever came from the environment or from a file is masked. */
  readonly shown: unknown
}

/** Whether an address can hold a system's name: as a step of a path, . and .. stand for something else. */
export function isAddressable(name: string): boolean {
  return name !== '.' && name !== '..'
}

/** No call takes longer where the systems file does not say. */
export const DEFAULT_TIMEOUT_MS: DurationMs = 30_000
