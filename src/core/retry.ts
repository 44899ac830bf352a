import type { DurationMs, Random } from './units.ts'

/** How often and how patiently a mapping is tried again. */
export interface RetryPolicy {
  /** How many attempts it has in all, the first included. */
  readonly attempts: number
  /** The longest wait before the second attempt. */
  readonly first: DurationMs
  /** No wait is longer. */
  readonly cap: DurationMs
}

export const DEFAULT_RETRY: RetryPolicy = { attempts: 5, first: 500, cap: 300_000 }

/**
 * The wait before the next attempt: exponential with full jitter, uniform in
 * [0, min(cap, first × 2^(attempts − 1))], which spreads a burst of failures best (AWS Architecture
 * Blog, "Exponential Backoff And Jitter").
 *
 * @param attempts how many attempts have been spent, at least 1
 */
export function backOff(policy: RetryPolicy, attempts: number, random: Random): DurationMs {
  const ceiling = Math.min(policy.cap, policy.first * 2 ** (attempts - 1))
  return Math.round(random() * ceiling)
}

const RETRY_AFTER = { min: 1000, max: 3_600_000 } as const

/**
 * How long a target's own wish to be left alone is honoured: between a second and an hour, so that
 * neither a zero nor a century in a header can turn into a hot loop or a silence. A second where it
 * gave none.
 */
export function honoured(retryAfter: DurationMs | null): DurationMs {
  return Math.min(RETRY_AFTER.max, Math.max(RETRY_AFTER.min, retryAfter ?? RETRY_AFTER.min))
}
