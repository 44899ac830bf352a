import { vi } from 'vitest'

/** So long may what comes of itself take on the busiest machine. */
const WITHIN_MS = 15_000

/** Waits until a check passes, and gives what it gave; or ends with its last failure. */
export function eventually<T>(check: () => T | Promise<T>, within = WITHIN_MS): Promise<T> {
  return vi.waitFor(check, within)
}
