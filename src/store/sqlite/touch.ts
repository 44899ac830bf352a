import type { DatabaseSync } from 'node:sqlite'
import { prepare } from './database.ts'

/** Room for a request of some hundred mappings: a disk may be too full for that, and take a page. */
const FILLER_BYTES = 65_536

/** Finds out whether there is room for a request. */
export function touchOperations(database: DatabaseSync) {
  // Random, because SQLite does not write what is there already.
  const fill = prepare(
    database,
    `INSERT INTO scratch VALUES (1, randomblob(${FILLER_BYTES}))
     ON CONFLICT DO UPDATE SET filler = excluded.filler`,
  )

  function touch(): void {
    fill.run()
  }

  return { touch }
}
