import type { DatabaseSync } from 'node:sqlite'
import { StoreUnavailable } from '../store.ts'
import { toStoreError } from './fault.ts'

export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: Error }

/**
 * Group commit: runs many calls in one transaction, so that they share one wait for the disk. One
 * that throws changes nothing and leaves its neighbours alone: the group is undone, and run again
 * with a savepoint for each call, which costs a tenth and is seldom needed. So a call may run twice,
 * and must do nothing but write to the database. No answer is given before the commit; when the
 * transaction as a whole fails, every answer is `StoreUnavailable`. It throws `StoreBroken`, and
 * gives no answer at all, when what it wrote cannot be trusted.
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
      const error = toStoreError(cause)
      database.exec('ROLLBACK TO call; RELEASE call')
      return { ok: false, error }
    }
  }

  function transact<T>(
    calls: readonly (() => T)[],
    each: (call: () => T) => Outcome<T>,
  ): Outcome<readonly Outcome<T>[]> {
    try {
      begin.run()
      const value = calls.map(each)
      commit.run()
      return { ok: true, value }
    } catch (cause) {
      const error = toStoreError(cause)
      if (database.isTransaction) database.exec('ROLLBACK')
      return { ok: false, error }
    }
  }

  return function run<T>(calls: readonly (() => T)[]): readonly Outcome<T>[] {
    let done = transact(calls, succeed)
    if (!done.ok && !(done.error instanceof StoreUnavailable)) done = transact(calls, attempt)
    if (done.ok) return done.value
    const { error } = done
    return calls.map(() => ({ ok: false, error }))
  }
}

function succeed<T>(call: () => T): Outcome<T> {
  return { ok: true, value: call() }
}
