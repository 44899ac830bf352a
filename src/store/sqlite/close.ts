import type { DatabaseSync } from 'node:sqlite'
import { EXPIRED, firstOpen } from '../../core/closed.ts'
import type { Request } from '../../core/request.ts'
import type { EpochMs } from '../../core/units.ts'
import type { RequestRow } from '../rows.ts'
import type { WorkHint } from '../store.ts'
import { addToLane, countOperations, noChange } from './count.ts'
import { prepare } from './database.ts'
import { failureOperations } from './failures.ts'

interface BatchRow {
  readonly id: number
  readonly lane: string
  readonly state: 'staged' | 'ready' | 'leased' | 'waiting' | 'done'
  readonly first: number
  /** How many of its mappings are not final. */
  readonly open: number
}

/**
 * Ends batches of closed requests. What is open of them is counted, and nothing is written for it.
 *
 * @param hint told of every lane that got a callback, before the transaction is committed
 */
export function closeOperations(database: DatabaseSync, hint: (hint: WorkHint) => void) {
  const { count } = countOperations(database, hint)
  const { countFailures } = failureOperations(database)
  const COLUMNS = 'id, lane, state, first, count - completed - failed - cancelled AS open'
  const find = prepare<BatchRow>(database, `SELECT ${COLUMNS} FROM batches WHERE id = ?`)
  const next = prepare<BatchRow>(
    database,
    `SELECT ${COLUMNS} FROM batches WHERE request = ? AND first >= ? ORDER BY first LIMIT ?`,
  )
  const advance = prepare(database, 'UPDATE requests SET closing_from = ? WHERE seq = ?')
  const end = {
    cancelled: prepare(
      database,
      `UPDATE batches SET state = 'done', run_at = NULL, cancelled = count - completed - failed
       WHERE id = ?`,
    ),
    expired: prepare(
      database,
      `UPDATE batches SET state = 'done', run_at = NULL, failed = count - completed - cancelled
       WHERE id = ?`,
    ),
  }
  const findTexts = prepare<{ mappings: string; verdicts: string | null }>(
    database,
    `SELECT p.mappings, v.verdicts FROM payloads p LEFT JOIN verdicts v ON v.batch = p.batch
     WHERE p.batch = ?`,
  )

  /** Ends those of a closed request's batches that nobody has in hand. */
  function endAll(row: RequestRow, batches: readonly BatchRow[], now: EpochMs): Request | null {
    const { seq, closing } = row
    if (closing === null) return null
    const change = noChange()
    const ended = batches.filter(({ state }) => state !== 'leased' && state !== 'done')
    change.done = ended.length
    for (const { id, lane, open } of ended) {
      end[closing].run(id)
      addToLane(change, lane, open)
      change[closing === 'expired' ? 'failed' : 'cancelled'] += open
    }
    if (closing === 'expired') countExpired(seq, ended)
    return ended.length === 0 ? null : (count(seq, change, now)?.finished ?? null)
  }

  function countExpired(seq: number, batches: readonly BatchRow[]): void {
    const open = batches.filter((batch) => batch.open > 0)
    for (const [lane, ended] of Map.groupBy(open, (batch) => batch.lane)) {
      const texts = findTexts.get(ended[0]?.id ?? 0)
      const sample = texts === undefined ? '' : firstOpen(texts.mappings, texts.verdicts)
      const failed = ended.reduce((sum, batch) => sum + batch.open, 0)
      countFailures(seq, lane, [{ ...EXPIRED, count: failed, sample }])
    }
  }

  /** The same, by their numbers. */
  function endLetGo(row: RequestRow, ids: readonly number[], now: EpochMs): Request | null {
    return endAll(
      row,
      ids.flatMap((id) => find.get(id) ?? []),
      now,
    )
  }

  /** Goes on through the batches of a closed request, and looks at no more than `max` of them. */
  function endNext(row: RequestRow, max: number, now: EpochMs): Request | null {
    const batches = next.all(row.seq, row.closing_from ?? 0, max)
    const last = batches.length < max ? undefined : batches.at(-1)
    advance.run(last === undefined ? null : last.first + 1, row.seq)
    return endAll(row, batches, now)
  }

  return { endLetGo, endNext }
}
