import type { DatabaseSync } from 'node:sqlite'
import type { EpochMs } from '../../core/units.ts'
import type { Rescued } from '../store.ts'
import { prepare } from './database.ts'

/**
 * Takes back what the dead held. A batch of a closed request that was given back like that is left to
 * `closeSome`.
 */
export function rescueOperations(database: DatabaseSync) {
  const findDead = prepare<{ id: string }>(database, 'SELECT id FROM workers WHERE deadline < ?')
  const removeWorker = prepare(database, 'DELETE FROM workers WHERE id = ?')
  const forgetReports = prepare(database, 'DELETE FROM reports WHERE worker = ?')
  const takeBack = prepare(
    database,
    `UPDATE batches SET state = 'ready', worker = NULL, rescues = rescues + 1
     WHERE state = 'leased' AND worker = ?`,
  )
  const takeEverythingBack = prepare(
    database,
    `UPDATE batches SET state = 'ready', worker = NULL, rescues = rescues + 1
     WHERE state = 'leased'`,
  )
  const removeWorkers = prepare(database, 'DELETE FROM workers')
  const forgetAllReports = prepare(database, 'DELETE FROM reports')
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

  function rescue(now: EpochMs): readonly Rescued[] {
    const rescued = findDead.all(now).map(({ id }) => {
      const batches = takeBack.run(id)
      forgetReports.run(id)
      removeWorker.run(id)
      return { worker: id, batches }
    })
    lookAgain.run()
    return rescued
  }

  /** At the start of an embedded store no worker can be alive: whatever is leased was lost. */
  function rescueAll(): void {
    takeEverythingBack.run()
    lookAtAll.run()
    removeWorkers.run()
    forgetAllReports.run()
  }

  return { rescue, rescueAll }
}
