import type { DatabaseSync } from 'node:sqlite'
import { PUT_BACK, StoreBroken, toStoreError } from './fault.ts'

/** Up to this size a file is looked through at every start: it takes a tenth of a second at most. */
const LOOKED_THROUGH_MAX = 67_108_864

/** SQLite's result code where it comes upon damage as it reads. */
const CORRUPT = 11

/**
 * Looks for damage before anything is built on it: a file whose pages do not make a database is refused as
 * it is. A file of more than 64 MB is not looked through, for whoever starts it waits; what is damaged there
 * ends the process when it is read.
 *
 * @throws StoreBroken
 */
export function refuseDamage(database: DatabaseSync): void {
  const read = (pragma: string) =>
    Object.values(database.prepare(`PRAGMA ${pragma}`).get() ?? {})[0]
  if (Number(read('page_count')) * Number(read('page_size')) > LOOKED_THROUGH_MAX) return
  const found = String(read('quick_check(1)'))
  if (found === 'ok') return
  const damage = found.replace('*** in database main ***', '').trim().replaceAll(/\s+/g, ' ')
  throw new StoreBroken(`${damage} (SQLite ${CORRUPT}). ${PUT_BACK}`)
}

/**
 * Opens what is at a path, or says so of that path.
 *
 * @throws StoreBroken where the disk or the file has failed; else what was thrown
 */
export function orBroken<T>(path: string, open: () => T): T {
  try {
    return open()
  } catch (cause) {
    throw named(path, cause)
  }
}

function named(path: string, cause: unknown): Error {
  try {
    return toStoreError(cause)
  } catch (error) {
    if (!(error instanceof StoreBroken)) throw error
    return new StoreBroken(`${path} cannot be used: ${error.message}`, { cause })
  }
}
