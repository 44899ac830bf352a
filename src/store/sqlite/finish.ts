import type { DatabaseSync } from 'node:sqlite'
import { finalState, type Request } from '../../core/request.ts'
import type { EpochMs } from '../../core/units.ts'
import { callbackOf } from '../callback.ts'
import { type RequestRow, toRequest } from '../rows.ts'
import type { WorkHint } from '../store.ts'
import { prepare } from './database.ts'
import { intakeOperations } from './intake.ts'

/**
 * Finishes a request none of whose batches is open, and queues its callback. Every path that settles one
 * ends here.
 *
 * @param hint told of every lane that got a callback, before the transaction is committed
 */
export function finishOperations(database: DatabaseSync, hint: (hint: WorkHint) => void) {
  const { insert } = intakeOperations(database, hint)
  const findCallback = prepare(database, 'SELECT 1 FROM requests WHERE tenant = ? AND id = ?')
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
    const finished = toRequest({ ...row, state, finished_at: now })
    queueCallback(finished, now)
    return finished
  }

  /** Once, even for a request that an audit finishes again. */
  function queueCallback(request: Request, now: EpochMs): void {
    const { callbackUrl } = request.terms
    if (callbackUrl === null) return
    const callback = callbackOf(request, callbackUrl, now)
    if (findCallback.get(callback.tenant, callback.id) === undefined) insert(callback)
  }

  return { finishIfDone }
}
