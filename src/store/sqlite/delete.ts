import type { DatabaseSync } from 'node:sqlite'
import { CALLBACK_NAMES } from '../../core/callback.ts'
import type { EpochMs } from '../../core/units.ts'
import { KEY_LIFETIME_MS, RECEIVER_REPORT_LIFETIME_MS } from '../rows.ts'
import type { Deleted } from '../store.ts'
import { prepare } from './database.ts'

/** How many requests, and how many keys, one call takes: it must not hold up the writes it stands between. */
const DELETED_MAX = 500

/** Deletes what is old, and forgets what says nothing any more. */
export function deleteOperations(database: DatabaseSync) {
  const findOld = prepare<{ seq: number; id: string; total: number }>(
    database,
    `SELECT seq, id, total FROM requests WHERE finished_at < ?
     ORDER BY finished_at LIMIT ${DELETED_MAX}`,
  )
  const hide = prepare(
    database,
    `UPDATE requests SET state = 'receiving', receiving_until = 0, release_at = NULL,
       closing = NULL, finished_at = NULL
     WHERE seq = ?`,
  )
  const remember = prepare(
    database,
    'UPDATE idempotency_keys SET id = ?, total = ? WHERE request = ?',
  )
  const forgetKeys = prepare(
    database,
    `DELETE FROM idempotency_keys WHERE (tenant, key) IN (
       SELECT tenant, key FROM idempotency_keys WHERE created_at < ?
       ORDER BY created_at LIMIT ${DELETED_MAX})`,
  )
  const dropOpenGates = prepare(
    database,
    `UPDATE systems SET state = NULL, until = NULL, reason = NULL
     WHERE state = 'throttled' AND until < ?`,
  )
  const dropPlainSystems = prepare(
    database,
    `DELETE FROM systems WHERE state IS NULL AND concurrency IS NULL AND rate IS NULL
       AND paused = 0`,
  )
  const forgetDisabled = prepare(database, 'DELETE FROM disabled_callbacks WHERE at < ?')
  const forgetReceivers = prepare(
    database,
    `DELETE FROM reports
     WHERE system > '${CALLBACK_NAMES.from}' AND system < '${CALLBACK_NAMES.to}' AND report ->> 'at' < ?`,
  )

  /** Old requests are hidden, wholly and at once; `clear` takes away what they have left. */
  function deleteOld(now: EpochMs, retainedSince: EpochMs): Deleted {
    const old = findOld.all(retainedSince)
    for (const { seq, id, total } of old) {
      hide.run(seq)
      remember.run(id, total, seq)
    }
    const keys = forgetKeys.run(now - KEY_LIFETIME_MS)
    dropOpenGates.run(now)
    dropPlainSystems.run()
    forgetDisabled.run(retainedSince)
    forgetReceivers.run(now - RECEIVER_REPORT_LIFETIME_MS)
    return { requests: old.length, more: old.length === DELETED_MAX || keys === DELETED_MAX }
  }

  return { deleteOld }
}
