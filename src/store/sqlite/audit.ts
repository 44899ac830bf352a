import type { DatabaseSync } from 'node:sqlite'
import { AUDITED_ORDINALS, type AuditPlace, auditStep, type Counts } from '../../core/audit.ts'
import type { EpochMs } from '../../core/units.ts'
import type { RequestRow } from '../rows.ts'
import type { Audited, WorkHint } from '../store.ts'
import { prepare } from './database.ts'
import { failureOperations } from './failures.ts'
import { finishOperations } from './finish.ts'

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
  const count = prepare<Counts>(
    database,
    `SELECT coalesce(sum(completed), 0) AS completed, coalesce(sum(failed), 0) AS failed,
       coalesce(sum(cancelled), 0) AS cancelled, count(*) FILTER (WHERE state <> 'done') AS open
     FROM batches WHERE request = ?1 AND first >= ?2 AND first < ?2 + ${AUDITED_ORDINALS}`,
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
    const counted = count.get(row.seq, from)
    if (counted === undefined) throw new Error('a sum is one row')
    const grouped = countGrouped.get(row.seq)?.grouped ?? 0
    const { seq: request, total } = row
    const piece = { request, total, said: countsOf(row), counted, grouped }
    const { place: next, truth } = auditStep(place, piece)
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

/** Not the whole row: it goes along in the audit's place. */
function countsOf({ completed, failed, cancelled, open }: RequestRow): Counts {
  return { completed, failed, cancelled, open }
}
