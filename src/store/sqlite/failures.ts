import type { DatabaseSync } from 'node:sqlite'
import { FAILURE_GROUPS_MAX, type FailureRun, REGROUPED } from '../../core/failures.ts'
import { REST } from '../rows.ts'
import { prepare } from './database.ts'

/** Counts failures into the groups of their request. */
export function failureOperations(database: DatabaseSync) {
  const bump = prepare(
    database,
    `UPDATE failure_groups SET count = count + ?, message = ?
     WHERE request = ? AND target = ? AND code = ? AND http_status = ?`,
  )
  const insert = prepare(
    database,
    `INSERT INTO failure_groups VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET count = count + excluded.count, message = excluded.message`,
  )
  const countGroups = prepare<{ n: number }>(
    database,
    'SELECT count(*) AS n FROM failure_groups WHERE request = ? AND target <> ?',
  )
  const remove = prepare(database, 'DELETE FROM failure_groups WHERE request = ?')

  /** Adds up what failed for one target. A kind for which there is no room goes to the rest. */
  function countFailures(request: number, target: string, runs: readonly FailureRun[]): void {
    for (const { code, httpStatus, count, sample, message } of runs) {
      const status = httpStatus ?? 0
      if (bump.run(count, message, request, target, code, status) > 0) continue
      const groups = countGroups.get(request, REST.target)?.n ?? 0
      if (groups < FAILURE_GROUPS_MAX) {
        insert.run(request, target, code, status, count, sample, message)
      } else {
        insert.run(request, REST.target, REST.code, REST.httpStatus, count, sample, message)
      }
    }
  }

  /** Gives up the groups of a request, which are wrong, for one that holds all its failures. */
  function regroup(request: number, failed: number): void {
    remove.run(request)
    const { target, code, httpStatus } = REST
    if (failed > 0) insert.run(request, target, code, httpStatus, failed, '', REGROUPED)
  }

  return { countFailures, regroup }
}
