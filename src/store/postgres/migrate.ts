import { readdirSync, readFileSync } from 'node:fs'
import pg from 'pg'
import type { DurationMs } from '../../core/units.ts'
import { StoreUnavailable } from '../store.ts'
import { connectionOptions } from './database.ts'
import { isRefusal, Refusal, reasonOf, toStoreError } from './fault.ts'

const FOLDER = new URL('./migrations/', import.meta.url)

/** Taken by every Sluice that migrates: any number that nobody else is likely to take. */
const LOCK = 7_505_482_913

/** How long a connection may take to be made. */
const CONNECT_MS: DurationMs = 5000

/** Which schema a database had, and has. */
export interface Migrated {
  readonly from: number
  readonly to: number
}

/**
 * Brings a database to this version's schema: numbered SQL files, applied in order, forward only, all
 * of them or none. Of many that do it at once, one does it and the others wait.
 *
 * @throws StoreUnavailable when it cannot be reached now
 * @throws Refusal when it does not let us in, loses commits when it falls, or was written by a newer
 *   version
 */
export async function migrate(url: string): Promise<Migrated> {
  return inTransaction(url, async (client) => {
    await assertDurable(client)
    await client.query('SELECT pg_advisory_xact_lock($1)', [LOCK])
    const applied = await schemaVersion(client)
    const migrated = { from: applied, to: known().length }
    if (applied === known().length) return migrated
    assertNotNewer(applied)
    await client.query('CREATE TABLE IF NOT EXISTS schema_version (version bigint NOT NULL)')
    for (const name of known().slice(applied)) {
      await client.query(readFileSync(new URL(name, FOLDER), 'utf8'))
    }
    await client.query('DELETE FROM schema_version')
    await client.query('INSERT INTO schema_version VALUES ($1)', [known().length])
    return migrated
  })
}

/**
 * @throws StoreUnavailable when it cannot be reached now
 * @throws Refusal when it does not let us in, loses commits when it falls, or does not have this version's
 *   schema
 */
export async function assertMigrated(url: string): Promise<void> {
  const applied = await inTransaction(url, async (client) => {
    await assertDurable(client)
    return schemaVersion(client)
  })
  assertNotNewer(applied)
  if (applied < known().length) {
    throw new Refusal(
      `The database has schema ${applied}, and this version of Sluice needs ${known().length}. ` +
        'Run `sluice migrate` first.',
    )
  }
}

function known(): readonly string[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith('.sql'))
    .sort()
}

function assertNotNewer(applied: number): void {
  if (applied <= known().length) return
  throw new Refusal(
    `The database has schema ${applied}, and this version of Sluice knows ${known().length}. ` +
      'Run the version that wrote it, or a later one.',
  )
}

/** With it off, a server that falls loses what it has acknowledged; it can be so for a user alone. */
async function assertDurable(client: pg.Client): Promise<void> {
  const { rows } = await client.query(`SELECT current_setting('synchronous_commit', true) AS value`)
  if (rows[0]?.value !== 'off') return
  throw new Refusal(
    'PostgreSQL has synchronous_commit = off: it would lose requests that were acknowledged. ' +
      'Turn it on for this server, database and user.',
  )
}

async function schemaVersion(client: pg.Client): Promise<number> {
  const { rows: tables } = await client.query(`SELECT to_regclass('schema_version') AS name`)
  if (tables[0]?.name === null) return 0
  const { rows } = await client.query('SELECT version FROM schema_version')
  return rows[0]?.version ?? 0
}

/**
 * Runs `work` in a transaction on a connection of its own.
 *
 * @throws StoreUnavailable when it cannot be reached now
 * @throws Refusal when it does not let us in
 */
export async function inTransaction<T>(
  url: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({ ...connectionOptions(url), connectionTimeoutMillis: CONNECT_MS })
  client.on('error', () => {})
  await client.connect().catch((cause) => {
    throw whyNotIn(client, cause)
  })
  try {
    await client.query('BEGIN')
    const value = await work(client)
    await client.query('COMMIT')
    return value
  } catch (cause) {
    throw toStoreError(cause)
  } finally {
    // Where it has failed, what was not committed goes with the connection.
    await client.end().catch(() => {})
  }
}

function whyNotIn({ host, port }: pg.Client, cause: unknown): Error {
  const place = `PostgreSQL at ${host}:${port}`
  const reason = reasonOf(cause)
  if (!isRefusal(cause)) return new StoreUnavailable(`${place} is not there: ${reason}`, { cause })
  return new Refusal(
    `${place} does not let us in: ${reason}. ` +
      'Check that it runs, and the address, user and password in DATABASE_URL.',
    { cause },
  )
}
