import { SluiceError, SluiceUnreachable } from './errors.ts'
import { pause } from './pause.ts'

const ATTEMPTS = 4
const FIRST_MS = 250

/** Nobody is kept waiting for longer than this, whatever Retry-After says. */
const RETRY_AFTER_MAX_MS = 10_000

/** Sends what has an idempotency key, and sends it again, a few times, where that may end better. */
export async function repeated<Answer>(
  send: () => Promise<Answer>,
  signal?: AbortSignal,
): Promise<Answer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await send()
    } catch (error) {
      const delayMs = repeatDelayMs(error, attempt)
      if (delayMs === null) throw error
      await pause(delayMs, signal)
    }
  }
}

/**
 * How long to wait before the same is sent again; null where that is not worth it.
 *
 * @param attempt how often it has been sent, at least 1
 */
export function repeatDelayMs(error: unknown, attempt: number): number | null {
  if (attempt >= ATTEMPTS || !isTransient(error)) return null
  const asked = error instanceof SluiceError ? error.retryAfterMs : null
  if (asked === null) return FIRST_MS * 2 ** (attempt - 1)
  return asked <= RETRY_AFTER_MAX_MS ? asked : null
}

function isTransient(error: unknown): boolean {
  if (error instanceof SluiceUnreachable) return true
  if (!(error instanceof SluiceError)) return false
  return (
    error.status >= 500 ||
    error.status === 429 ||
    error.type === '/problems/idempotency-in-progress'
  )
}
