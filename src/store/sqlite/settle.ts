import type { DatabaseSync } from 'node:sqlite'
import { lastFailures } from '../../core/failures.ts'
import { processed, type Request } from '../../core/request.ts'
import type { EpochMs } from '../../core/units.ts'
import type { Settled, Settlement, WorkHint } from '../store.ts'
import { closeOperations } from './close.ts'
import { addToLane, type Change, countOperations, noChange } from './count.ts'
import { prepare } from './database.ts'
import { failureOperations } from './failures.ts'

interface LeasedRow {
  readonly request: number
  readonly lane: string
  readonly completed: number
  readonly failed: number
  readonly cancelled: number
}

/** What becomes of one request in a settle. */
interface Settling {
  readonly change: Change
  /** The batches that were let go of open. */
  readonly letGo: number[]
}

/**
 * Writes what became of leased batches, counts it, and finishes requests.
 *
 * @param hint told of every lane that got a callback, before the transaction is committed
 */
export function settleOperations(database: DatabaseSync, hint: (hint: WorkHint) => void) {
  const { count } = countOperations(database, hint)
  const { endLetGo } = closeOperations(database, hint)
  const { countFailures } = failureOperations(database)
  const findLeased = prepare<LeasedRow>(
    database,
    `SELECT request, lane, completed, failed, cancelled FROM batches
     WHERE id = ? AND token = ? AND state = 'leased'
       AND completed <= ? AND failed <= ? AND cancelled <= ?`,
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

  function write(settlement: Settlement, settling: Map<number, Settling>): boolean {
    const { batch, token, verdicts, completed, failed, cancelled, next } = settlement
    const row = findLeased.get(batch, token, completed, failed, cancelled)
    if (row === undefined) return false
    const runAt = next.state === 'waiting' ? next.runAt : null
    update.run(next.state, runAt, completed, failed, cancelled, batch)
    if (verdicts !== null) writeVerdicts.run(batch, verdicts)
    const request = settling.get(row.request) ?? { change: noChange(), letGo: [] }
    settling.set(row.request, request)
    const { change, letGo } = request
    change.completed += completed - row.completed
    change.failed += failed - row.failed
    change.cancelled += cancelled - row.cancelled
    addToLane(change, row.lane, processed(settlement) - processed(row))
    if (next.state === 'done') change.done += 1
    if (next.state === 'ready' || next.state === 'waiting') letGo.push(batch)
    if (failed > row.failed) {
      const failures = lastFailures(settlement.failures, failed - row.failed)
      countFailures(row.request, row.lane, failures)
    }
    return true
  }

  function apply(seq: number, { change, letGo }: Settling, now: EpochMs): Request | null {
    const counted = count(seq, change, now)
    if (counted === null) return null
    const { row, finished } = counted
    return row.closing === null ? finished : (finished ?? endLetGo(row, letGo, now))
  }

  function settle(settlements: readonly Settlement[], now: EpochMs): Settled {
    const settling = new Map<number, Settling>()
    const refused = settlements.filter((settlement) => !write(settlement, settling))
    const finished: Request[] = []
    for (const [seq, one] of settling) {
      const request = apply(seq, one, now)
      if (request !== null) finished.push(request)
    }
    return { refused: refused.map(({ batch }) => batch), finished }
  }

  return { settle }
}
