import type { DatabaseSync } from 'node:sqlite'
import { finalState, type Request } from '../../core/request.ts'
import type { EpochMs } from '../../core/units.ts'
import { type RequestRow, toRequest } from '../rows.ts'
import { prepare } from './database.ts'

/** Finishes a request none of whose batches is open. Every path that settles one ends here. */
export function finishOperations(database: DatabaseSync) {
  const finish = prepare(database, 'UPDATE requests SET state = ?, finished_at = ? WHERE seq = ?')
  const closeFlow = prepare(
    database,
    'UPDATE flows SET requests = requests - ? WHERE lane = ? AND tenant = ? AND priority = ?',
  )
  const closeLanes = prepare(database, 'DELETE FROM request_lanes WHERE request = ?')
  const dropFlow = prepare(
    database,
    `DELETE FROM flows
     WHERE lane = ? AND tenant = ? AND priority = ? AND requests <= 0 AND mappings <= 0`,
  )

  /** Null where a batch of it is still open, or it is finished already. */
  function finishIfDone(row: RequestRow, now: EpochMs): Request | null {
    if (row.finished_at !== null || row.open > 0) return null
    const state = finalState(row)
    finish.run(state, now, row.seq)
    const lanes: readonly string[] = JSON.parse(row.lanes)
    if (lanes.length > 1) closeLanes.run(row.seq)
    // Before its release a request does not count among those of its flow.
    const counted = row.release_at === null ? 1 : 0
    for (const lane of lanes) {
      closeFlow.run(counted, lane, row.tenant, row.priority)
      dropFlow.run(lane, row.tenant, row.priority)
    }
    return toRequest({ ...row, state, finished_at: now })
  }

  return { finishIfDone }
}
