import type { DatabaseSync } from 'node:sqlite'
import { type AuditPlace, auditStep, type Counts } from '../../core/audit.ts'
import type { EpochMs } from '../../core/units.ts'
import type { RequestRow } from '../rows.ts'
import type { Audited, WorkHint } from '../store.ts'
import { prepare } from './database.ts'
import { failureOperations } from './failures.ts'
import { finishOperations } from './finish.ts'

/** How many batches one call counts: it must not hold up the writes it stands between. */
const COUNTED_MAX = 2000

interface PieceRow extends Counts {
  readonly batches: number
  /** The first ordinal of the last of them; null for none. */
  readonly last: number | null
}

/**
 * Mends what does not add up, and finishes what ought to be finished.
 *
 * @param hint told of every lane that got a callback, before the transaction is committed
 */
export function auditOperations(database: DatabaseSync, hint: (hint: WorkHint) => void) {
  const { finishIfDone } = finishOperations(database, hint)
  const { regroup } = failureOperations(database)
  const nextOpen = prepare<RequestRow>(
    database,
    `SELECT * FROM requests WHERE finished_at IS NULL AND state <> 'receiving' AND seq >= ?
     ORDER BY seq LIMIT 1`,
  )
  const count = prepare<PieceRow>(
    database,
    `SELECT coalesce(sum(completed), 0) AS completed, coalesce(sum(failed), 0) AS failed,
       coalesce(sum(cancelled), 0) AS cancelled, count(*) FILTER (WHERE state <> 'done') AS open,
       count(*) AS batches, max(first) AS last
     FROM (SELECT * FROM batches WHERE request = ? AND first >= ? ORDER BY first LIMIT ${COUNTED_MAX})`,
  )
  const countGrouped = prepare<{ grouped: number }>(
    database,
    'SELECT coalesce(sum(count), 0) AS grouped FROM failure_groups WHERE request = ?',
  )
  const correct = prepare(
    database,
    'UPDATE requests SET completed = ?, failed = ?, cancelled = ?, open = ? WHERE seq = ?',
  )

  function audit(place: AuditPlace, now: EpochMs): Audited {
    const row = nextOpen.get(place.request)
    if (row === undefined) return { next: null, repaired: null }
    const from = row.seq === place.request ? place.from : 0
    const piece = count.get(row.seq, from)
    const grouped = countGrouped.get(row.seq)?.grouped ?? 0
    if (piece === undefined) throw new Error('a sum is one row')
    const { batches, last, ...counted } = piece
    const { place: next, truth } = auditStep(place, {
      ...{ request: row.seq, said: row, counted, grouped },
      next: batches < COUNTED_MAX || last === null ? null : last + 1,
    })
    if (truth !== null) mend({ ...row, ...truth }, grouped, now)
    return { next, repaired: truth === null ? null : row.id }
  }

  function mend(row: RequestRow, grouped: number, now: EpochMs): void {
    correct.run(row.completed, row.failed, row.cancelled, row.open, row.seq)
    if (grouped !== row.failed) regroup(row.seq, row.failed)
    finishIfDone(row, now)
  }

  return { audit }
}
