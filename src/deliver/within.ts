import type { DurationMs } from '../core/units.ts'
import type { Clock } from '../lib/clock.ts'

/** How a piece of work ended. */
export type Ended<T> =
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'thrown'; readonly error: unknown }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'interrupted' }

/** How long a piece of work may take, and by which clock. */
export interface Deadline {
  readonly clock: Clock
  readonly timeout: DurationMs
}

/**
 * Does a piece of work that may take `timeout` and no longer, nor beyond the abort of `signal`.
 * Resolves at that moment, and never rejects; the signal that `work` is given is then aborted, so
 * that it lets go of what it holds. How it ends after that is nobody's concern.
 */
export function within<T>(
  { clock, timeout }: Deadline,
  signal: AbortSignal,
  work: (cut: AbortSignal) => Promise<T>,
): Promise<Ended<T>> {
  if (signal.aborted) return Promise.resolve({ kind: 'interrupted' })
  return new Promise((resolve) => {
    const cut = new AbortController()
    const cancelDeadline = clock.after(timeout, () => end({ kind: 'timeout' }))
    const interrupt = () => end({ kind: 'interrupted' })

    function end(ended: Ended<T>): void {
      cancelDeadline()
      signal.removeEventListener('abort', interrupt)
      resolve(ended)
      if (ended.kind === 'timeout' || ended.kind === 'interrupted') cut.abort()
    }

    signal.addEventListener('abort', interrupt)
    // Async, because it may throw before it promises anything.
    const working = async () => work(cut.signal)
    working().then(
      (value) => end({ kind: 'done', value }),
      (error: unknown) => end({ kind: 'thrown', error }),
    )
  })
}
