import type { DurationMs, EpochMs } from '../core/units.ts'
import type { Clock } from '../lib/clock.ts'
import type { IntakeStore } from '../store/store.ts'
import { inTime } from './patience.ts'

/** How old what is known may get: to find out is a write, and anybody may ask, at any rate. */
const FRESH_MS: DurationMs = 1000

/**
 * Makes a function that says whether the store can be written. It has the store write something,
 * because a full disk still answers reads, and an instance that gets no requests any more would never
 * learn from them that there is room again.
 */
export function watchWritable(store: IntakeStore, clock: Clock): () => Promise<boolean> {
  let known = Promise.resolve(false)
  let askedAt: EpochMs = Number.NEGATIVE_INFINITY

  return () => {
    const now = clock.now()
    if (now - askedAt >= FRESH_MS) {
      askedAt = now
      known = inTime(
        store.touch().then(() => true),
        clock,
      ).then((done) => done !== null)
    }
    return known
  }
}
