import { readdirSync, readFileSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'

const FOLDER = new URL('./migrations/', import.meta.url)

/**
 * Brings a database to this version's schema: numbered SQL files, applied in order, forward only,
 * each in a transaction of its own.
 *
 * @throws when the database was written by a newer version
 */
export function migrate(database: DatabaseSync): void {
  const migrations = readdirSync(FOLDER)
    .filter((name) => name.endsWith('.sql'))
    .sort()
  const applied = schemaVersion(database)
  if (applied > migrations.length) {
    throw new Error(
      `The database has schema ${applied}, and this version of Sluice knows ${migrations.length}. ` +
        'Run the version that wrote it, or a later one.',
    )
  }
  for (const [index, name] of migrations.entries()) {
    if (index < applied) continue
    const sql = readFileSync(new URL(name, FOLDER), 'utf8')
    database.exec(`BEGIN IMMEDIATE; PRAGMA user_version = ${index + 1}; ${sql}; COMMIT`)
  }
}

function schemaVersion(database: DatabaseSync): number {
  return Number(database.prepare('PRAGMA user_version').get()?.['user_version'])
}
