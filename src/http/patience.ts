import type { DurationMs } from '../core/units.ts'
import type { Clock } from '../lib/clock.ts'

/** A store that takes longer than this is as good as gone. */
const PATIENCE_MS: DurationMs = 2000

/** What the store answers; null where it does not, or not in time. */
export async function inTime<T>(answer: Promise<T>, clock: Clock): Promise<T | null> {
  const { promise: gaveUp, resolve } = Promise.withResolvers<null>()
  const cancel = clock.after(PATIENCE_MS, () => resolve(null))
  try {
    return await Promise.race([answer, gaveUp])
  } catch {
    return null
  } finally {
    cancel()
  }
}
