import type { DatabaseSync } from 'node:sqlite'
import type { Priority } from '../../core/mapping.ts'
import type { Request } from '../../core/request.ts'
import type { EpochMs } from '../../core/units.ts'
import type { RequestRow } from '../rows.ts'
import type { WorkHint } from '../store.ts'
import { prepare } from './database.ts'
import { finishOperations } from './finish.ts'

/** A request's speed is measured over this long at least, and mostly no longer than twice that. */
const PACE_MS = 5000

/** What one transaction adds to a request's counters. */
export interface Change {
  completed: number
  failed: number
  cancelled: number
  /** How many of its batches are done now. */
  done: number
  /** All mappings together. */
  readonly byLane: Map<string, number>
}

/** Nothing yet. */
export function noChange(): Change {
  return { completed: 0, failed: 0, cancelled: 0, done: 0, byLane: new Map() }
}

/** Notes that so many mappings of a lane have become final. */
export function addToLane({ byLane }: Change, lane: string, settled: number): void {
  byLane.set(lane, (byLane.get(lane) ?? 0) + settled)
}

/** A request as it was counted, and the same once more if that was the end of it. */
export interface Counted {
  readonly row: RequestRow
  readonly finished: Request | null
}

/**
 * Counts what has become of mappings, wherever their number is kept.
 *
 * @param hint told of every lane that got a callback, before the transaction is committed
 */
export function countOperations(database: DatabaseSync, hint: (hint: WorkHint) => void) {
  const { finishIfDone } = finishOperations(database, hint)
  const add = prepare<RequestRow>(
    database,
    `UPDATE requests SET completed = completed + ?1, failed = failed + ?2,
       cancelled = cancelled + ?3, open = open - ?4 WHERE seq = ?5 RETURNING *`,
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

  /** Null where there is no such request. */
  function count(seq: number, change: Change, now: EpochMs): Counted | null {
    const row = add.get(change.completed, change.failed, change.cancelled, change.done, seq)
    if (row === undefined) return null
    for (const [lane, settled] of change.byLane) {
      if (settled === 0) continue
      shrinkFlow.run(settled, lane, row.tenant, row.priority)
      shrinkLane.run(settled, seq, lane)
    }
    if (row.marked_at !== null && row.marked_at <= now - PACE_MS) mark.run(now, seq)
    return { row, finished: finishIfDone(row, now) }
  }

  return { count }
}
