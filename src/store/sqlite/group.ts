import type { DatabaseSync } from 'node:sqlite'
import { StoreUnavailable } from '../store.ts'

export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: Error }

/**
 * Group commit: runs many calls in one transaction, so that they share one wait for the disk. Each
 * has a savepoint: one that throws changes nothing and leaves its neighbours alone. No answer is
 * given before the commit; when the transaction as a whole fails, every answer is `StoreUnavailable`.
 */
export function groupCommit(database: DatabaseSync) {
  const begin = database.prepare('BEGIN IMMEDIATE')
  const commit = database.prepare('COMMIT')
  const save = database.prepare('SAVEPOINT call')
  const release = database.prepare('RELEASE call')

  function attempt<T>(call: () => T): Outcome<T> {
    save.run()
    try {
      const value = call()
      release.run()
      return { ok: true, value }
    } catch (cause) {
      // SQLite has already undone the whole transaction where the disk is full or broken.
      if (!database.isTransaction) throw cause
      database.exec('ROLLBACK TO call; RELEASE call')
      return { ok: false, error: asError(cause) }
    }
  }

  return function run<T>(calls: readonly (() => T)[]): readonly Outcome<T>[] {
    try {
      begin.run()
      const outcomes = calls.map(attempt)
      commit.run()
      return outcomes
    } catch (cause) {
      if (database.isTransaction) database.exec('ROLLBACK')
      const error = asError(cause)
      return calls.map(() => ({ ok: false, error }))
    }
  }
}

/** SQLite's result codes that say "not now" rather than "never": busy, read-only, I/O, full. */
const UNAVAILABLE = new Set([5, 6, 8, 10, 13, 14])

function asError(cause: unknown): Error {
  if (!(cause instanceof Error)) return new Error(String(cause))
  const code = 'errcode' in cause ? Number(cause.errcode) & 0xff : 0
  return UNAVAILABLE.has(code) ? new StoreUnavailable(cause.message, { cause }) : cause
}
