import type { DatabaseSync } from 'node:sqlite'
import type { Priority } from '../../core/mapping.ts'
import { processed, type Request } from '../../core/request.ts'
import type { EpochMs } from '../../core/units.ts'
import type { RequestRow } from '../rows.ts'
import type { Settled, Settlement, WorkHint } from '../store.ts'
import { prepare } from './database.ts'
import { finishOperations } from './finish.ts'

/** A request's speed is measured over this long at least, and mostly no longer than twice that. */
const PACE_MS = 5000

interface LeasedRow {
  readonly request: number
  readonly lane: string
  readonly completed: number
  readonly failed: number
  readonly cancelled: number
}

/** What one transaction adds to a request's counters. */
interface Change {
  completed: number
  failed: number
  cancelled: number
  readonly byLane: Map<string, number>
}

/**
 * Writes what became of leased batches, counts it, and finishes requests.
 *
 * @param hint told of every lane that got a callback, before the transaction is committed
 */
export function settleOperations(database: DatabaseSync, hint: (hint: WorkHint) => void) {
  const { finishIfDone } = finishOperations(database, hint)
  const findLeased = prepare<LeasedRow>(
    database,
    `SELECT request, lane, completed, failed, cancelled FROM batches
     WHERE id = ? AND token = ? AND state = 'leased'`,
  )
  const update = prepare(
    database,
    `UPDATE batches SET state = ?1, run_at = ?2, completed = ?3, failed = ?4, cancelled = ?5,
       worker = CASE WHEN ?1 = 'leased' THEN worker END WHERE id = ?6`,
  )
  const writeVerdicts = prepare(
    database,
    `INSERT INTO verdicts VALUES (?, ?)
     ON CONFLICT DO UPDATE SET verdicts = excluded.verdicts`,
  )
  const count = prepare<RequestRow>(
    database,
    `UPDATE requests SET completed = completed + ?1, failed = failed + ?2,
       cancelled = cancelled + ?3 WHERE seq = ?4 RETURNING *`,
  )
  const mark = prepare(
    database,
    `UPDATE requests SET earlier_at = marked_at, earlier = marked, marked_at = ?1,
       marked = completed + failed + cancelled
     WHERE seq = ?2`,
  )
  const shrinkLane = prepare(
    database,
    'UPDATE request_lanes SET open = open - ? WHERE request = ? AND lane = ?',
  )
  const shrinkFlow = prepare<never, [number, string, string, Priority]>(
    database,
    'UPDATE flows SET mappings = mappings - ? WHERE lane = ? AND tenant = ? AND priority = ?',
  )

  function write(settlement: Settlement, changes: Map<number, Change>): boolean {
    const { batch, token, verdicts, completed, failed, cancelled, next } = settlement
    const row = findLeased.get(batch, token)
    if (row === undefined) return false
    const runAt = next.state === 'waiting' ? next.runAt : null
    update.run(next.state, runAt, completed, failed, cancelled, batch)
    if (verdicts !== null) writeVerdicts.run(batch, verdicts)
    const change = changes.get(row.request) ?? none()
    changes.set(row.request, change)
    change.completed += completed - row.completed
    change.failed += failed - row.failed
    change.cancelled += cancelled - row.cancelled
    const settled = processed(settlement) - processed(row)
    change.byLane.set(row.lane, (change.byLane.get(row.lane) ?? 0) + settled)
    return true
  }

  function apply(seq: number, change: Change, now: EpochMs): Request | null {
    const row = count.get(change.completed, change.failed, change.cancelled, seq)
    if (row === undefined) return null
    for (const [lane, settled] of change.byLane) {
      if (settled === 0) continue
      shrinkFlow.run(settled, lane, row.tenant, row.priority)
      shrinkLane.run(settled, seq, lane)
    }
    if (row.marked_at !== null && row.marked_at <= now - PACE_MS) mark.run(now, seq)
    return processed(row) < row.total ? null : finishIfDone(row, now)
  }

  function settle(settlements: readonly Settlement[], now: EpochMs): Settled {
    const changes = new Map<number, Change>()
    const refused = settlements.filter((settlement) => !write(settlement, changes))
    const finished: Request[] = []
    for (const [seq, change] of changes) {
      const request = apply(seq, change, now)
      if (request !== null) finished.push(request)
    }
    return { refused: refused.map(({ batch }) => batch), finished }
  }

  return { settle }
}

function none(): Change {
  return { completed: 0, failed: 0, cancelled: 0, byLane: new Map() }
}
