import type { DatabaseSync } from 'node:sqlite'
import type { EpochMs } from '../../core/units.ts'
import type { Beat, NamedReport, Worker } from '../store.ts'
import { prepare } from './database.ts'

const NOBODY = { workers: 0, position: 0, epoch: 0, late: 0 }

/** Keeps the list of live workers, what they hold, and what they tell of the systems. */
export function workerOperations(database: DatabaseSync) {
  const insert = prepare(
    database,
    `INSERT INTO workers (id, host, deadline) VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET deadline = max(deadline, excluded.deadline)`,
  )
  // One that was on its way for long takes nothing back of what a later one has said.
  const renew = prepare<{ epoch: number }>(
    database,
    `UPDATE workers SET deadline = max(deadline, ?), seen = max(seen, ?) WHERE id = ?
     RETURNING epoch`,
  )
  const remove = prepare(database, 'DELETE FROM workers WHERE id = ?')
  const place = prepare<{ workers: number; position: number; epoch: number; late: number }>(
    database,
    `SELECT count(*) AS workers, count(*) FILTER (WHERE epoch < ?1) AS position,
       coalesce(max(epoch), 0) AS epoch,
       count(*) FILTER (WHERE seen < ?1 AND epoch < ?1) AS late
     FROM workers WHERE deadline > ?2`,
  )
  const release = prepare(
    database,
    `UPDATE batches SET state = 'ready', worker = NULL WHERE state = 'leased' AND worker = ?`,
  )
  const releaseOthers = prepare(
    database,
    `UPDATE batches SET state = 'ready', worker = NULL WHERE state = 'leased' AND worker = ?
       AND id NOT IN (SELECT value FROM json_each(?))`,
  )
  const writeReport = prepare(
    database,
    `INSERT INTO reports SELECT ?1, id, ?3 FROM workers WHERE id = ?2
     ON CONFLICT DO UPDATE SET report = excluded.report`,
  )
  const forgetReports = prepare(database, 'DELETE FROM reports WHERE worker = ?')

  function join(worker: Worker, deadline: EpochMs): void {
    insert.run(worker.id, worker.host, deadline)
  }

  function beat(worker: string, deadline: EpochMs, now: EpochMs, seen: number): Beat {
    const renewed = renew.get(deadline, seen, worker)
    const found = place.get(renewed?.epoch ?? 0, now)
    const { workers, position, epoch, late } = found ?? NOBODY
    return { alive: renewed !== undefined, workers, position, epoch, welcome: late === 0 }
  }

  function leave(worker: string): void {
    release.run(worker)
    forgetReports.run(worker)
    remove.run(worker)
  }

  function keep(worker: string, held: readonly number[]): void {
    releaseOthers.run(worker, JSON.stringify(held))
  }

  function report(worker: string, reports: readonly NamedReport[]): void {
    for (const { system, report } of reports) {
      writeReport.run(system, worker, JSON.stringify(report))
    }
  }

  return { join, beat, leave, keep, report }
}
