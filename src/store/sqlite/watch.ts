import type { DatabaseSync } from 'node:sqlite'
import type { Endpoint } from '../../core/callback.ts'
import { processed } from '../../core/request.ts'
import {
  plain,
  type RequestRow,
  type SystemRow,
  toControl,
  UNRELEASED_MAX,
  WAITING_MAX,
} from '../rows.ts'
import type { Prospect, StoredSystem, SystemControl, SystemLoad, Waiting } from '../store.ts'
import { waitingFor } from '../waiting.ts'
import { prepare } from './database.ts'
import { queueIn } from './queue.ts'

interface Counted {
  readonly open: number | null
  /** The number of the oldest of their requests. */
  readonly oldest: number | null
}

/** Reads what people ask of systems; nothing here writes. */
export function watchOperations(database: DatabaseSync) {
  const findRequest = prepare<RequestRow>(
    database,
    `SELECT * FROM requests
     WHERE tenant = ? AND id = ? AND state <> 'receiving' AND finished_at IS NULL`,
  )
  const findClosed = prepare<SystemRow>(
    database,
    'SELECT * FROM systems WHERE state IS NOT NULL OR paused = 1',
  )
  const findLane = prepare<{ open: number }>(
    database,
    'SELECT open FROM request_lanes WHERE request = ? AND lane = ?',
  )
  const findSystem = prepare<SystemRow>(database, 'SELECT * FROM systems WHERE system = ?')
  const nextName = prepare<{ name: string | null }>(
    database,
    `SELECT min(name) AS name FROM (
       SELECT min(lane) AS name FROM flows WHERE lane > ?1
       UNION ALL SELECT min(system) FROM systems WHERE system > ?1
       UNION ALL SELECT min(system) FROM reports WHERE system > ?1)`,
  )
  const countOpen = prepare<{ open: number }>(
    database,
    'SELECT coalesce(sum(mappings), 0) AS open FROM flows WHERE lane = ?',
  )
  const count = (which: string) =>
    prepare<Counted>(
      database,
      `SELECT sum(count - completed - failed - cancelled) AS open, min(request) AS oldest
       FROM (SELECT * FROM batches WHERE lane = ? AND ${which})`,
    )
  const countLeased = count(`state = 'leased'`)
  const countWaiting = count(`state = 'waiting' ORDER BY run_at LIMIT ${WAITING_MAX}`)
  const countUnreleased = prepare<{ lane: string; open: number }>(
    database,
    `SELECT coalesce(l.lane, r.lanes ->> 0) AS lane,
       sum(coalesce(l.open, r.total - r.completed - r.failed - r.cancelled)) AS open
     FROM (SELECT * FROM requests
         WHERE release_at IS NOT NULL AND closing IS NULL AND finished_at IS NULL
         ORDER BY release_at LIMIT ${UNRELEASED_MAX}) r
       LEFT JOIN request_lanes l ON l.request = r.seq
     GROUP BY 1`,
  )
  const oldestReady = count(`state = 'ready' ORDER BY id LIMIT 1`)
  const createdAt = prepare<{ created_at: number }>(
    database,
    'SELECT created_at FROM requests WHERE seq = ?',
  )
  const findDisabled = prepare(
    database,
    'SELECT 1 FROM disabled_callbacks WHERE tenant = ? AND url = ?',
  )
  const queueFor = queueIn(database)
  const findReports = prepare<{ report: string }>(
    database,
    'SELECT report FROM reports WHERE system = ?',
  )

  function waiting(
    tenant: string,
    ids: readonly string[],
  ): ReadonlyMap<string, readonly Waiting[]> {
    const closed = new Map(findClosed.all().map((row) => [row.system, toControl(row)]))
    const found = new Map<string, readonly Waiting[]>()
    if (closed.size === 0) return found
    for (const id of ids) {
      const row = findRequest.get(tenant, id)
      if (row === undefined) continue
      const request = { ...row, openInAll: row.total - processed(row) }
      const held = waitingFor(request, closed, (lane) => findLane.get(row.seq, lane)?.open ?? null)
      if (held.length > 0) found.set(id, held)
    }
    return found
  }

  function systemNames(after: string, limit: number): readonly string[] {
    const names: string[] = []
    let last: string | null | undefined = after
    while (names.length < limit) {
      last = nextName.get(last)?.name
      if (last == null) break
      names.push(last)
    }
    return names
  }

  function control(system: string): SystemControl {
    const row = findSystem.get(system)
    return row === undefined ? plain(system) : toControl(row)
  }

  function reports(system: string): StoredSystem['reports'] {
    return findReports.all(system).map(({ report }) => JSON.parse(report))
  }

  function systems(names: readonly string[]): readonly StoredSystem[] {
    const unreleased = new Map(countUnreleased.all().map(({ lane, open }) => [lane, open]))
    return names.map((name) => stored(name, unreleased.get(name) ?? 0))
  }

  function system(name: string): StoredSystem {
    const [found] = systems([name])
    if (found === undefined) throw new Error('a system for each name')
    return found
  }

  function stored(name: string, unreleased: number): StoredSystem {
    const waits = countWaiting.get(name)
    const requests = [oldestReady.get(name), waits].flatMap((one) => one?.oldest ?? [])
    const oldest = requests.length === 0 ? null : createdAt.get(Math.min(...requests))
    return {
      ...control(name),
      open: countOpen.get(name)?.open ?? 0,
      leased: countLeased.get(name)?.open ?? 0,
      waiting: (waits?.open ?? 0) + unreleased,
      oldest: oldest?.created_at ?? null,
      reports: reports(name),
    }
  }

  function load(system: string, prospect: Prospect): SystemLoad {
    return { ...control(system), queue: queueFor(system, prospect), reports: reports(system) }
  }

  function isCallbackDisabled({ tenant, url }: Endpoint): boolean {
    return findDisabled.get(tenant, url) !== undefined
  }

  return { waiting, systemNames, system, systems, load, isCallbackDisabled }
}
