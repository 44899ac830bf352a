import type { EpochMs } from '../../core/units.ts'
import { heldUp, plain, type RequestRow } from '../rows.ts'
import type { Prospect, StoredSystem, SystemLoad, Waiting } from '../store.ts'
import { NOW, type StoreClock } from './clock.ts'
import type { Database } from './database.ts'
import { queueIn } from './queue.ts'
import { UNRELEASED } from './release.ts'
import { type TimedSystemRow, toCallersControl } from './systems.ts'

/** How many waiting batches and requests are counted: bounds what a look at a system costs. */
const WAITING_MAX = 10_000
const UNRELEASED_MAX = 1000

/** Each system that must not be called, with what an open request has open for it. */
const WAITING = `
  SELECT s.*, ${NOW} AS at, r.lanes, r.sources, r.total,
    r.total - r.completed - r.failed - r.cancelled AS "openInAll",
    l.open AS "openInLane"
  FROM requests r CROSS JOIN systems s
    LEFT JOIN request_lanes l ON l.request = r.seq AND l.lane = s.system
  WHERE r.tenant = $2 AND r.id = $3 AND r.state <> 'receiving' AND r.finished_at IS NULL
    AND (s.state IS NOT NULL OR s.paused = 1)`

/** The next name in any of three indexes, as often as it is wanted. */
const NAMES = `
  WITH RECURSIVE names AS (
    SELECT $1::text COLLATE "C" AS name, 0 AS number
    UNION ALL
    SELECT least(
        (SELECT min(lane) FROM flows WHERE lane > n.name AND (requests > 0 OR mappings > 0)),
        (SELECT min(system) FROM systems WHERE system > n.name),
        (SELECT min(system) FROM reports WHERE system > n.name)), number + 1
    FROM names n WHERE n.name IS NOT NULL AND n.number < $2
  )
  SELECT name FROM names WHERE number > 0 AND name IS NOT NULL ORDER BY number`

const counted = (which: string) => `
  SELECT coalesce(sum(count - completed - failed - cancelled), 0)::bigint AS open,
    min(request) AS oldest
  FROM (SELECT * FROM batches WHERE lane = $2 AND ${which}) b`

const SYSTEM = `
  WITH leased AS (${counted(`state = 'leased'`)}),
  waiting AS (${counted(`state = 'waiting' ORDER BY run_at LIMIT ${WAITING_MAX}`)}),
  ready AS (${counted(`state = 'ready' ORDER BY id LIMIT 1`)}),
  unreleased AS (
    SELECT coalesce(sum(coalesce(l.open, r.total - r.completed - r.failed - r.cancelled)), 0)::bigint
      AS open
    FROM (SELECT * FROM requests
        WHERE ${UNRELEASED}
        ORDER BY release_at LIMIT ${UNRELEASED_MAX}) r
      LEFT JOIN request_lanes l ON l.request = r.seq AND l.lane = $2
    WHERE l.open IS NOT NULL OR r.lanes = $3
  )
  SELECT s.*, ${NOW} AS at, leased.open AS leased, waiting.open + unreleased.open AS waiting,
    (SELECT coalesce(sum(mappings), 0)::bigint FROM flows WHERE lane = $2) AS open,
    (SELECT created_at FROM requests WHERE seq = least(ready.oldest, waiting.oldest)) AS oldest,
    ARRAY(SELECT report FROM reports WHERE system = $2) AS reports
  FROM leased CROSS JOIN waiting CROSS JOIN ready CROSS JOIN unreleased LEFT JOIN systems s ON s.system = $2`

const LOAD = `
  SELECT s.*, ${NOW} AS at, ARRAY(SELECT report FROM reports WHERE system = $2) AS reports
  FROM (SELECT) one LEFT JOIN systems s ON s.system = $2`

interface WaitingRow extends TimedSystemRow, Pick<RequestRow, 'lanes' | 'sources' | 'total'> {
  readonly openInAll: number
  /** Null where the request has but one lane. */
  readonly openInLane: number | null
}

interface LoadRow extends Omit<TimedSystemRow, 'system'> {
  readonly system: string | null
  readonly reports: readonly string[]
}

interface WatchedRow
  extends LoadRow,
    Pick<StoredSystem, 'open' | 'leased' | 'waiting' | 'oldest'> {}

/** Reads what people ask of systems; nothing here writes. */
export function watchOperations(database: Database, clock: StoreClock) {
  async function waiting(tenant: string, id: string): Promise<readonly Waiting[]> {
    const now = clock.now()
    const rows = await database.query<WaitingRow>(WAITING, [clock.given(now), tenant, id])
    return rows.flatMap((row) => {
      const mappings = heldUp(row, row.openInAll, row.system, row.openInLane)
      return mappings === 0 ? [] : [{ ...toCallersControl(row, now), mappings }]
    })
  }

  async function systemNames(after: string, limit: number): Promise<readonly string[]> {
    const rows = await database.query<{ name: string }>(NAMES, [after, limit])
    return rows.map(({ name }) => name)
  }

  async function system(name: string): Promise<StoredSystem> {
    const now = clock.now()
    const [row] = await database.query<WatchedRow>(SYSTEM, [
      ...[clock.given(now), name, JSON.stringify([name])],
    ])
    if (row === undefined) throw new Error('counts are one row')
    const { open, leased, waiting, oldest } = row
    return { ...told(name, row, now), open, leased, waiting, oldest }
  }

  async function load(system: string, prospect: Prospect): Promise<SystemLoad> {
    const now = clock.now()
    const [[row], queue] = await Promise.all([
      database.query<LoadRow>(LOAD, [clock.given(now), system]),
      queueIn(database, system, prospect),
    ])
    if (row === undefined) throw new Error('a row for each system')
    return { ...told(system, row, now), queue }
  }

  return { waiting, systemNames, system, load }
}

/** How a system may be called, by the caller's clock, which says `now`; and what is told of it. */
function told(name: string, row: LoadRow, now: EpochMs) {
  const control =
    row.system === null ? plain(name) : toCallersControl({ ...row, system: name }, now)
  return { ...control, reports: row.reports.map((report) => JSON.parse(report)) }
}
