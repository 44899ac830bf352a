import type { EpochMs } from '../../core/units.ts'
import { plain, type SystemRow, UNRELEASED_MAX, WAITING_MAX } from '../rows.ts'
import type { Prospect, StoredSystem, SystemLoad, Waiting } from '../store.ts'
import { type WaitingRequest, waitingFor } from '../waiting.ts'
import { NOW, type StoreClock } from './clock.ts'
import type { Database } from './database.ts'
import { queueIn } from './queue.ts'
import { UNRELEASED } from './release.ts'
import { type TimedSystemRow, toCallersControl } from './systems.ts'

/** The systems that must not be called and, if there are any, what open requests have open for them. */
const WAITING = `
  WITH closed AS MATERIALIZED (SELECT * FROM systems WHERE state IS NOT NULL OR paused = 1)
  SELECT ${NOW} AS at, (SELECT coalesce(json_agg(c), '[]') FROM closed c) AS closed,
    (SELECT coalesce(json_agg(o), '[]') FROM (
      SELECT r.id, r.lanes, r.sources, r.total,
        r.total - r.completed - r.failed - r.cancelled AS "openInAll",
        (SELECT coalesce(json_object_agg(l.lane, l.open), '{}') FROM request_lanes l
          WHERE l.request = r.seq AND l.lane IN (SELECT system FROM closed)) AS "openInLanes"
      FROM requests r
      WHERE r.tenant = $2 AND r.id = ANY ($3::text[]) AND r.state <> 'receiving'
        AND r.finished_at IS NULL AND EXISTS (SELECT 1 FROM closed)) o) AS requests`

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

const counted = (which: string) => `LATERAL (
    SELECT coalesce(sum(count - completed - failed - cancelled), 0)::bigint AS open,
      min(request) AS oldest
    FROM (SELECT * FROM batches WHERE lane = n.name AND ${which}) b)`

const SYSTEMS = `
  WITH unreleased AS MATERIALIZED (
    SELECT coalesce(l.lane, r.lanes::json ->> 0) AS lane,
      sum(coalesce(l.open, r.total - r.completed - r.failed - r.cancelled))::bigint AS open
    FROM (SELECT * FROM requests
        WHERE ${UNRELEASED}
        ORDER BY release_at LIMIT ${UNRELEASED_MAX}) r
      LEFT JOIN request_lanes l ON l.request = r.seq
    GROUP BY 1
  )
  SELECT s.*, ${NOW} AS at, leased.open AS leased, waiting.open + coalesce(u.open, 0) AS waiting,
    (SELECT coalesce(sum(mappings), 0)::bigint FROM flows WHERE lane = n.name) AS open,
    (SELECT created_at FROM requests WHERE seq = least(ready.oldest, waiting.oldest)) AS oldest,
    ARRAY(SELECT report FROM reports WHERE system = n.name) AS reports
  FROM unnest($2::text[]) WITH ORDINALITY AS n (name, place)
    CROSS JOIN ${counted(`state = 'leased'`)} leased
    CROSS JOIN ${counted(`state = 'waiting' ORDER BY run_at LIMIT ${WAITING_MAX}`)} waiting
    CROSS JOIN ${counted(`state = 'ready' ORDER BY id LIMIT 1`)} ready
    LEFT JOIN unreleased u ON u.lane = n.name LEFT JOIN systems s ON s.system = n.name
  ORDER BY n.place`

const LOAD = `
  SELECT s.*, ${NOW} AS at, ARRAY(SELECT report FROM reports WHERE system = $2) AS reports
  FROM (SELECT) one LEFT JOIN systems s ON s.system = $2`

interface WaitingRow {
  readonly at: EpochMs
  readonly closed: readonly SystemRow[]
  readonly requests: readonly (WaitingRequest & {
    readonly id: string
    /** Empty where the request has but one lane. */
    readonly openInLanes: Readonly<Record<string, number>>
  })[]
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
  async function waiting(
    tenant: string,
    ids: readonly string[],
  ): Promise<ReadonlyMap<string, readonly Waiting[]>> {
    const now = clock.now()
    const [row] = await database.query<WaitingRow>(WAITING, [clock.given(now), tenant, ids])
    if (row === undefined) throw new Error('a list of lists is one row')
    const { at } = row
    const closed = new Map(
      row.closed.map((system) => [system.system, toCallersControl({ ...system, at }, now)]),
    )
    const found = new Map<string, readonly Waiting[]>()
    for (const request of row.requests) {
      const open = new Map(Object.entries(request.openInLanes))
      const held = waitingFor(request, closed, (lane) => open.get(lane) ?? null)
      if (held.length > 0) found.set(request.id, held)
    }
    return found
  }

  async function systemNames(after: string, limit: number): Promise<readonly string[]> {
    const rows = await database.query<{ name: string }>(NAMES, [after, limit])
    return rows.map(({ name }) => name)
  }

  async function systems(names: readonly string[]): Promise<readonly StoredSystem[]> {
    const now = clock.now()
    const rows = await database.query<WatchedRow>(SYSTEMS, [clock.given(now), names])
    return rows.map((row, index) => {
      const { open, leased, waiting, oldest } = row
      return { ...told(names[index] ?? '', row, now), open, leased, waiting, oldest }
    })
  }

  async function system(name: string): Promise<StoredSystem> {
    const [found] = await systems([name])
    if (found === undefined) throw new Error('a system for each name')
    return found
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

  return { waiting, systemNames, system, systems, load }
}

/** How a system may be called, by the caller's clock, which says `now`; and what is told of it. */
function told(name: string, row: LoadRow, now: EpochMs) {
  const control =
    row.system === null ? plain(name) : toCallersControl({ ...row, system: name }, now)
  return { ...control, reports: row.reports.map((report) => JSON.parse(report)) }
}
