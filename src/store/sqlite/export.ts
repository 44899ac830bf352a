import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import type { MovedName, MovedRow, MovedTable, Value } from '../moved.ts'
import { openWriter, prepare } from './database.ts'
import { lock } from './lock.ts'
import { migrate } from './migrate.ts'

/** Not what is still received, or being cleared away: of that nobody knows anything. */
const KNOWN = `(SELECT seq FROM requests WHERE state <> 'receiving')`

/** Each table as PostgreSQL has it. What is leased is ready there: nobody is at work on it. */
const EXPORTS: Readonly<Record<MovedName, string>> = {
  requests: `SELECT * FROM requests WHERE state <> 'receiving'`,
  idempotency_keys: `SELECT k.tenant, k.key, k.fingerprint, coalesce(k.id, r.id) AS request,
      k.created_at, k.total
    FROM idempotency_keys k LEFT JOIN requests r ON r.seq = k.request
    WHERE k.id IS NOT NULL OR r.state <> 'receiving'`,
  batches: `SELECT id, request, lane, CASE state WHEN 'leased' THEN 'ready' ELSE state END AS state,
      start, rank, count, completed, failed, cancelled, run_at, token, rescues
    FROM batches WHERE state <> 'done' AND request IN ${KNOWN}`,
  payloads: `SELECT b.id AS batch, b.request, b.lane, b.first, b.last, b.count, p.ordinals, p.mappings
    FROM batches b JOIN payloads p ON p.batch = b.id WHERE b.request IN ${KNOWN}`,
  verdicts: `SELECT b.id AS batch, b.completed, b.failed, b.cancelled, v.verdicts
    FROM batches b LEFT JOIN verdicts v ON v.batch = b.id
    WHERE (b.state = 'done' OR v.batch IS NOT NULL) AND b.request IN ${KNOWN}`,
  flows: 'SELECT * FROM flows',
  releases: `SELECT * FROM releases WHERE request IN ${KNOWN}`,
  failure_groups: `SELECT * FROM failure_groups WHERE request IN ${KNOWN}`,
  request_lanes: 'SELECT * FROM request_lanes',
  disabled_callbacks: 'SELECT * FROM disabled_callbacks',
  systems: 'SELECT * FROM systems',
}

/** How much is read before it is handed on; a row may be larger than that. */
const PAGE_ROWS = 1000
const PAGE_CHARACTERS = 4_000_000

/** How much there is to move, as people count it. */
export interface Holdings {
  readonly requests: number
  readonly batches: number
  readonly mappings: number
}

/** An embedded store that nobody uses, to be read from end to end. */
export interface Export {
  readonly holdings: Holdings
  /** Of all tables. */
  readonly rows: number
  /** The last numbers that were given out; none may be given out again. */
  readonly last: { readonly requests: number; readonly batches: number }
  pages(table: MovedTable & { readonly name: MovedName }): Iterable<readonly MovedRow[]>
  close(): void
}

/**
 * Opens the store of a data directory for its export, and keeps every other process off it.
 *
 * @throws when there is none, or another process has it
 */
export function openExport(directory: string): Export {
  const path = join(directory, 'sluice.db')
  if (!existsSync(path)) throw new Error(`There is no embedded store in ${directory}.`)
  const unlock = lock(directory)
  const database = openWriter(path)
  migrate(database)
  return {
    holdings: holdingsOf(database),
    rows: Object.values(EXPORTS).reduce((sum, sql) => sum + countOf(database, sql), 0),
    last: { requests: lastOf(database, 'requests'), batches: lastOf(database, 'batches') },
    pages: ({ name, columns }) => pages(database, EXPORTS[name], Object.keys(columns)),
    close() {
      database.close()
      unlock()
    },
  }
}

function* pages(
  database: DatabaseSync,
  sql: string,
  columns: readonly string[],
): Iterable<readonly MovedRow[]> {
  let page: MovedRow[] = []
  let characters = 0
  for (const row of prepare<Readonly<Record<string, Value>>>(database, sql).iterate()) {
    const values = columns.map((column) => row[column] ?? null)
    page.push(values)
    for (const value of values) if (typeof value === 'string') characters += value.length
    if (page.length < PAGE_ROWS && characters < PAGE_CHARACTERS) continue
    yield page
    page = []
    characters = 0
  }
  if (page.length > 0) yield page
}

function holdingsOf(database: DatabaseSync): Holdings {
  const count = prepare<Holdings>(
    database,
    `SELECT (SELECT count(*) FROM ${KNOWN}) AS requests, count(*) AS batches,
       coalesce(sum(count), 0) AS mappings FROM batches WHERE request IN ${KNOWN}`,
  )
  return count.get() ?? { requests: 0, batches: 0, mappings: 0 }
}

function countOf(database: DatabaseSync, sql: string): number {
  return prepare<{ n: number }>(database, `SELECT count(*) AS n FROM (${sql})`).get()?.n ?? 0
}

function lastOf(database: DatabaseSync, table: string): number {
  const find = prepare<{ seq: number }>(database, 'SELECT seq FROM sqlite_sequence WHERE name = ?')
  return find.get(table)?.seq ?? 0
}
