import type { EpochMs } from '../../core/units.ts'
import { CLOSING_MAX, type SystemRow } from '../rows.ts'
import type { Work } from '../store.ts'
import { NOW, type StoreClock } from './clock.ts'
import type { Database } from './database.ts'
import { RELEASE_AT } from './release.ts'
import { toCallersControl } from './systems.ts'

/** Goes from one lane to the next in an index, and never through a lane's batches. */
const lanes = (state: string, value: string) => `
  (SELECT lane, ${value} FROM batches WHERE state = '${state}' ORDER BY lane, ${value} LIMIT 1)
  UNION ALL
  SELECT next.lane, next.${value} FROM ${state} l CROSS JOIN LATERAL (
    SELECT b.lane, b.${value} FROM batches b WHERE b.state = '${state}' AND b.lane > l.lane
    ORDER BY b.lane, b.${value} LIMIT 1
  ) next`

/** Everything in one statement, for it is asked every second by every node. */
const WORK = `
  WITH RECURSIVE ready AS (${lanes('ready', 'rank')}), waiting AS (${lanes('waiting', 'run_at')})
  SELECT ${NOW} AS at,
    (SELECT coalesce(json_agg(l), '[]') FROM (
      SELECT coalesce(r.lane, w.lane) AS lane, r.rank, w.run_at AS due
      FROM ready r FULL JOIN waiting w ON w.lane = r.lane) l) AS lanes,
    (SELECT coalesce(json_agg(s), '[]') FROM systems s) AS systems,
    (SELECT coalesce(max(epoch), 0) FROM workers) AS epoch, ${RELEASE_AT} AS release,
    (SELECT coalesce(json_agg(c), '[]') FROM (
      SELECT tenant, id FROM requests WHERE closing IS NOT NULL AND finished_at IS NULL
      ORDER BY closing_at DESC LIMIT ${CLOSING_MAX}) c) AS closing,
    EXISTS (SELECT 1 FROM requests
      WHERE closing IS NOT NULL AND finished_at IS NULL AND closing_from IS NOT NULL)
    OR EXISTS (SELECT 1 FROM requests
      WHERE expires_at <= ${NOW} AND finished_at IS NULL AND closing IS NULL AND state <> 'receiving')
      AS "toClose"`

interface WorkRow extends Omit<Work, 'systems'> {
  readonly at: EpochMs
  readonly systems: readonly SystemRow[]
}

/** Says which lanes have work. */
export function workOperations(database: Database, clock: StoreClock) {
  async function work(now: EpochMs): Promise<Work> {
    const [row] = await database.query<WorkRow>(WORK, [clock.given(now)])
    if (row === undefined) throw new Error('a list of lists is one row')
    const { at, epoch, closing, toClose, release } = row
    return {
      lanes: row.lanes.map((lane) => ({
        ...lane,
        due: lane.due === null ? null : lane.due - at + now,
      })),
      systems: row.systems.map((system) => toCallersControl({ ...system, at }, now)),
      epoch,
      closing,
      toClose,
      release: release === null ? null : release - at + now,
    }
  }

  return { work }
}
