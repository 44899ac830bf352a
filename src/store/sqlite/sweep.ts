import type { DatabaseSync } from 'node:sqlite'
import type { EpochMs } from '../../core/units.ts'
import type { RequestRow } from '../rows.ts'
import type { Sweep, WorkHint } from '../store.ts'
import { prepare } from './database.ts'
import { failureOperations } from './failures.ts'
import { finishOperations } from './finish.ts'

/** How much one sweep checks and deletes: it must not hold up the writes it stands between. */
const AUDITED_MAX = 20
const DELETED_MAX = 100

/** How long an Idempotency-Key is remembered. */
const KEY_LIFETIME_MS = 86_400_000

interface Counts {
  readonly completed: number
  readonly failed: number
  readonly cancelled: number
  /** How many batches are not done. */
  readonly open: number
  /** How many failures its groups hold. */
  readonly grouped: number
}

/**
 * Takes back what the dead held, mends what does not add up, and deletes what is old. A batch of a
 * closed request that was given back like that is left to `closeSome`.
 *
 * @param hint told of every lane that got a callback, before the transaction is committed
 */
export function sweepOperations(database: DatabaseSync, hint: (hint: WorkHint) => void) {
  const { finishIfDone } = finishOperations(database, hint)
  const { regroup } = failureOperations(database)
  const findDead = prepare<{ id: string }>(database, 'SELECT id FROM workers WHERE deadline < ?')
  const removeWorker = prepare(database, 'DELETE FROM workers WHERE id = ?')
  const forgetReports = prepare(database, 'DELETE FROM reports WHERE worker = ?')
  const rescue = prepare(
    database,
    `UPDATE batches SET state = 'ready', worker = NULL, rescues = rescues + 1
     WHERE state = 'leased' AND worker = ?`,
  )
  const rescueEverything = prepare(
    database,
    `UPDATE batches SET state = 'ready', worker = NULL, rescues = rescues + 1
     WHERE state = 'leased'`,
  )
  const removeWorkers = prepare(database, 'DELETE FROM workers')
  const forgetAllReports = prepare(database, 'DELETE FROM reports')
  const openAfter = prepare<RequestRow>(
    database,
    `SELECT * FROM requests WHERE finished_at IS NULL AND state <> 'receiving' AND seq > ?
     ORDER BY seq LIMIT ${AUDITED_MAX}`,
  )
  const recount = prepare<Counts>(
    database,
    `SELECT sum(completed) AS completed, sum(failed) AS failed, sum(cancelled) AS cancelled,
       count(*) FILTER (WHERE state <> 'done') AS open,
       (SELECT coalesce(sum(count), 0) FROM failure_groups WHERE request = ?1) AS grouped
     FROM batches WHERE request = ?1`,
  )
  const correct = prepare(
    database,
    'UPDATE requests SET completed = ?, failed = ?, cancelled = ?, open = ? WHERE seq = ?',
  )
  const findOld = prepare<{ seq: number }>(
    database,
    `SELECT seq FROM requests WHERE finished_at < ? ORDER BY finished_at LIMIT ${DELETED_MAX}`,
  )
  const hide = prepare(
    database,
    `UPDATE requests SET state = 'receiving', receiving_until = 0, release_at = NULL,
       closing = NULL, finished_at = NULL
     WHERE seq = ?`,
  )
  const deleteKeys = prepare(database, 'DELETE FROM idempotency_keys WHERE created_at < ?')
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
  const deleteKeysOf = prepare(database, 'DELETE FROM idempotency_keys WHERE request = ?')

  const lookAtAll = prepare(
    database,
    'UPDATE requests SET closing_from = 0 WHERE closing IS NOT NULL AND finished_at IS NULL',
  )
  const lookAgain = prepare(
    database,
    `WITH held AS (
       SELECT request, count(*) AS batches FROM batches WHERE state = 'leased' GROUP BY request)
     UPDATE requests SET closing_from = 0 WHERE seq IN (
       SELECT r.seq FROM requests r LEFT JOIN held h ON h.request = r.seq
       WHERE r.closing IS NOT NULL AND r.finished_at IS NULL AND r.closing_from IS NULL
         AND r.open > coalesce(h.batches, 0))`,
  )

  /** Where the audit goes on. It is only a place in a round: losing it costs nothing. */
  let audited = 0

  /** Mends counters that disagree with the batches, and finishes what ought to be finished. */
  function audit(row: RequestRow, now: EpochMs): boolean {
    const { grouped, ...counts } = recount.get(row.seq) ?? { ...row, grouped: row.failed }
    const agree =
      counts.completed === row.completed &&
      counts.failed === row.failed &&
      counts.cancelled === row.cancelled &&
      counts.open === row.open
    if (!agree) {
      correct.run(counts.completed, counts.failed, counts.cancelled, counts.open, row.seq)
    }
    if (grouped !== counts.failed) regroup(row.seq, counts.failed)
    const finished = finishIfDone({ ...row, ...counts }, now) !== null
    return finished || !agree || grouped !== counts.failed
  }

  function auditSome(now: EpochMs): readonly string[] {
    const rows = openAfter.all(audited)
    audited = rows.length < AUDITED_MAX ? 0 : (rows.at(-1)?.seq ?? 0)
    return rows.filter((row) => audit(row, now)).map((row) => row.id)
  }

  /** Hides old requests, wholly and at once; `clear` takes away what they have left. */
  function deleteOld(retainedSince: EpochMs): number {
    const old = findOld.all(retainedSince)
    for (const { seq } of old) {
      hide.run(seq)
      deleteKeysOf.run(seq)
    }
    return old.length
  }

  function sweep(now: EpochMs, retainedSince: EpochMs): Sweep {
    const rescued = findDead.all(now).map(({ id }) => {
      const batches = rescue.run(id)
      forgetReports.run(id)
      removeWorker.run(id)
      return { worker: id, batches }
    })
    lookAgain.run()
    const repaired = auditSome(now)
    const deleted = deleteOld(retainedSince)
    dropOpenGates.run(now)
    dropPlainSystems.run()
    forgetDisabled.run(retainedSince)
    deleteKeys.run(now - KEY_LIFETIME_MS)
    return { rescued, repaired, deleted }
  }

  /** At the start of an embedded store no worker can be alive: whatever is leased was lost. */
  function rescueAll(): void {
    rescueEverything.run()
    lookAtAll.run()
    removeWorkers.run()
    forgetAllReports.run()
  }

  return { sweep, rescueAll }
}
