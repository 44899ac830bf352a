import type { EpochMs } from '../../core/units.ts'
import { systemClock } from '../../lib/clock.ts'

/**
 * Whose clock counts. Callers' clocks disagree, so only differences are taken from them: a time that
 * comes in is written as so long after the caller's `now`, by the store's clock, and goes out so too.
 */
export interface StoreClock {
  /** The first parameter of every statement that says `NOW`: null has the database look at its clock. */
  given(now: EpochMs): EpochMs | null
  /** The caller's clock, for calls that do not tell it. */
  now(): EpochMs
}

/** The database's clock, which all nodes share. */
export const databaseClock: StoreClock = { given: () => null, now: () => systemClock.now() }

/** The `now` that each call brings, for tests that make up the time. */
export const callerClock: StoreClock = { given: (now) => now, now: () => 0 }

/**
 * The moment, in SQL. Looked at once for a statement (a sub-select), or no index could be used on it;
 * not the transaction's own time, which stands still while a statement waits for a lock.
 */
export const NOW = `(SELECT ${nowOr('$1::bigint')})`

/** The moment that is given in SQL, or else that of the database's clock. */
export function nowOr(given: string): string {
  return `coalesce(${given}, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint)`
}
