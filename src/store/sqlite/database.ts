import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'

/** Before it, two connections that checkpoint and commit at once can corrupt a WAL database. */
const VERSION_MIN = [3, 51, 3]

/**
 * Pages in the log before they are copied into the database: 32 MB of them. Meanwhile no commit is answered: with
 * twice as many, a small request beside a large upload waits for twice as long, up to a tenth of a second.
 */
const CHECKPOINT_PAGES = 8000

/** How large the log file may stay once it has been copied. */
const LOG_BYTES_MAX = 67_108_864

/**
 * Opens the one connection that writes. Every commit on it is on disk when it returns: FULL is set
 * and read back, because a silent NORMAL loses what was acknowledged in a power cut.
 *
 * @param path a file, or `:memory:`
 * @throws when SQLite is too old, or durability cannot be had on this file
 */
export function openWriter(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { enableForeignKeyConstraints: false, timeout: 5000 })
  assertVersion(database)
  // Only a file that is still empty heeds the first one: what is cleared away gives its room back.
  database.exec(`PRAGMA auto_vacuum = INCREMENTAL;
    PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;
    PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}; PRAGMA journal_size_limit = ${LOG_BYTES_MAX};
    PRAGMA cache_size = -16384`)
  assertDurable(database, path)
  return database
}

/** Opens a connection that only reads, and never holds up the writer. */
export function openReader(path: string): DatabaseSync {
  return new DatabaseSync(path, { readOnly: true, timeout: 5000 })
}

function assertVersion(database: DatabaseSync): void {
  const version = String(database.prepare('SELECT sqlite_version() AS v').get()?.['v'])
  const parts = version.split('.').map(Number)
  const older = VERSION_MIN.findIndex((part, i) => (parts[i] ?? 0) !== part)
  if (older !== -1 && (parts[older] ?? 0) < (VERSION_MIN[older] ?? 0)) {
    throw new Error(`SQLite ${version} is too old: ${VERSION_MIN.join('.')} or later is needed`)
  }
}

function assertDurable(database: DatabaseSync, path: string): void {
  const read = (pragma: string) =>
    Object.values(database.prepare(`PRAGMA ${pragma}`).get() ?? {})[0]
  const journal = read('journal_mode')
  if (path !== ':memory:' && journal !== 'wal') {
    throw new Error(
      `${path} cannot be opened in WAL mode (it is ${journal}): is it a network drive?`,
    )
  }
  if (read('synchronous') !== 2) throw new Error(`${path} does not take synchronous = FULL`)
}

/** A prepared statement whose rows are known to be of one shape. */
export interface Statement<Row, Parameters extends readonly SQLInputValue[]> {
  get(...parameters: Parameters): Row | undefined
  all(...parameters: Parameters): readonly Row[]
  /** One row at a time, however many there are. */
  iterate(...parameters: Parameters): Iterable<Row>
  /** Returns how many rows changed. */
  run(...parameters: Parameters): number
  /** Returns the number of the row that was made, at a third of what `RETURNING` costs. */
  insert(...parameters: Parameters): number
}

/**
 * Prepares `sql` once, for good. The row type is a claim about the SQL beside it: this is the
 * boundary where SQLite's untyped rows get their types.
 */
export function prepare<
  Row,
  Parameters extends readonly SQLInputValue[] = readonly SQLInputValue[],
>(database: DatabaseSync, sql: string): Statement<Row, Parameters> {
  const statement: StatementSync = database.prepare(sql)
  return {
    get: (...parameters) => statement.get(...parameters) as Row | undefined,
    all: (...parameters) => statement.all(...parameters) as unknown as readonly Row[],
    iterate: (...parameters) => statement.iterate(...parameters) as Iterable<Row>,
    run: (...parameters) => Number(statement.run(...parameters).changes),
    insert: (...parameters) => Number(statement.run(...parameters).lastInsertRowid),
  }
}
