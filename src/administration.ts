/** What is done to stores by hand, while no service of this process runs. */
import type { Migrated } from './store/postgres/migrate.ts'

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

function notDone(error: unknown): NotDone {
  return { ok: false, problem: error instanceof Error ? error.message : String(error) }
}
