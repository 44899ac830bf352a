/** What is done to stores by hand, while no service of this process runs. */
import type { MoveProgress } from './store/move.ts'
import type { Migrated } from './store/postgres/migrate.ts'
import type { Holdings } from './store/sqlite/export.ts'

/** What people are told where it could not be done. */
export interface NotDone {
  readonly ok: false
  readonly problem: string
}

/** Brings the schema of a PostgreSQL up to this version's. */
export async function migrateDatabase(
  url: string,
): Promise<({ readonly ok: true } & Migrated) | NotDone> {
  const { migrate } = await import('./store/postgres/migrate.ts')
  try {
    return { ok: true, ...(await migrate(url)) }
  } catch (error) {
    return notDone(error)
  }
}

/** Copies an embedded store that nobody uses into an empty PostgreSQL: wholly, or not at all. */
export async function moveStore(
  dataDir: string,
  url: string,
  onProgress: (progress: MoveProgress) => void,
): Promise<({ readonly ok: true } & Holdings) | NotDone> {
  const { moveToPostgres } = await import('./store/move.ts')
  try {
    return { ok: true, ...(await moveToPostgres(dataDir, url, onProgress)) }
  } catch (error) {
    return notDone(error)
  }
}

function notDone(error: unknown): NotDone {
  return { ok: false, problem: error instanceof Error ? error.message : String(error) }
}
