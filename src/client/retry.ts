import { SluiceError, SluiceUnreachable } from './errors.ts'

const ATTEMPTS = 4
const FIRST_MS = 250

/** Nobody is kept waiting for longer than this, whatever Retry-After says. */
const RETRY_AFTER_MAX_MS = 10_000

/**
 * How long to wait before a submission is sent again; null where it must not be, or is not worth it.
 * A 503 with Retry-After says that nothing was taken. Any other ending leaves that open, so that only
 * a submission with an idempotency key is safe to repeat.
 *
 * @param attempt how often it has been sent, at least 1
 */
export function retryDelayMs(error: unknown, attempt: number, keyed: boolean): number | null {
  if (attempt >= ATTEMPTS) return null
  if (error instanceof SluiceError && error.status === 503 && error.retryAfterMs !== null) {
    return error.retryAfterMs <= RETRY_AFTER_MAX_MS ? error.retryAfterMs : null
  }
  return keyed && isTransient(error) ? FIRST_MS * 2 ** (attempt - 1) : null
}

function isTransient(error: unknown): boolean {
  if (error instanceof SluiceUnreachable) return true
  if (!(error instanceof SluiceError)) return false
  return error.status >= 500 || error.type === '/problems/idempotency-in-progress'
}
