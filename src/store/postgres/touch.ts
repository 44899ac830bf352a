import type { Database } from './database.ts'

/** Room for a request of some hundred mappings: a disk may be too full for that, and take a page. */
const FILLER_BYTES = 65_536

/** Finds out whether there is room for a request. */
export function touchOperations(database: Database) {
  async function touch(): Promise<void> {
    await database.query(
      `INSERT INTO scratch VALUES (1, repeat('x', ${FILLER_BYTES}))
       ON CONFLICT (id) DO UPDATE SET filler = excluded.filler`,
      [],
    )
  }

  return { touch }
}
