import { systemClock } from '../../lib/clock.ts'
import { newId } from '../../lib/random.ts'
import { type Store, StoreUnavailable, type WorkHint } from '../store.ts'
import { auditOperations } from './audit.ts'
import { callbackOperations } from './callbacks.ts'
import { claimOperations } from './claim.ts'
import { clearOperations } from './clear.ts'
import { callerClock, databaseClock } from './clock.ts'
import { controlOperations } from './control.ts'
import { type Database, openDatabase } from './database.ts'
import { deleteOperations } from './delete.ts'
import { intakeOperations } from './intake.ts'
import { listOperations } from './list.ts'
import { type Listening, listen } from './listen.ts'
import { assertMigrated, migrate } from './migrate.ts'
import { notifier } from './notify.ts'
import { queryOperations } from './queries.ts'
import { receiveOperations } from './receive.ts'
import { releaseOperations } from './release.ts'
import { rescueOperations } from './rescue.ts'
import { settleOperations } from './settle.ts'
import { systemOperations } from './systems.ts'
import { touchOperations } from './touch.ts'
import { watchOperations } from './watch.ts'
import { workOperations } from './work.ts'
import { workerOperations } from './workers.ts'

export interface PostgresConnections {
  /** `postgres://…`, straight to the server or through a pooler, in transaction mode too. */
  readonly url: string
  /**
   * Where to hear of other nodes' work: past a pooler. It takes one connection more, and only once
   * somebody listens. Null: other nodes' work is found by asking for it.
   */
  readonly listenUrl: string | null
  /** How many connections it may have at once, made when they are first needed. */
  readonly connections: number
  /** Whose time counts; only tests, which make it up, go by their own. */
  readonly clock?: 'database' | 'caller'
}

export interface PostgresOptions extends PostgresConnections {
  /** Brings the database to this version's schema; or else only checks that it has it. */
  readonly migrate: boolean
}

/**
 * Opens the store that many processes share, and makes sure of its schema.
 *
 * @throws when the database cannot be reached, or has another version's schema
 */
export async function openPostgresStore(options: PostgresOptions): Promise<Store> {
  await (options.migrate ? migrate(options.url) : assertMigrated(options.url))
  return postgresStore(options)
}

/**
 * A store over a database that somebody prepares. Nothing is connected yet. Whoever needs it has one
 * of their own: each thread has its connections.
 *
 * @param prepared until it resolves the store is unavailable; left out, the database is prepared
 */
export function postgresStore(options: PostgresConnections, prepared?: Promise<void>): Store {
  const { url, listenUrl, connections } = options
  const clock = options.clock === 'caller' ? callerClock : databaseClock
  const opened = openDatabase(url, connections)
  const database = prepared === undefined ? opened : after(prepared, opened)
  const id = newId(systemClock.now())
  const notify = notifier(database, id)
  const listeners = new Set<(hint: WorkHint) => void>()
  let listening: Listening | null = null

  function tell(hint: WorkHint): void {
    for (const listener of listeners) listener(hint)
  }

  function hint(hint: WorkHint): void {
    tell(hint)
    notify(hint)
  }

  return {
    kind: 'postgres',
    ...intakeOperations(database, clock, hint),
    ...receiveOperations(database, clock, hint),
    ...releaseOperations(database, clock, hint),
    ...workerOperations(database, clock, hint),
    ...systemOperations(database, clock, hint),
    ...claimOperations(database, clock),
    ...workOperations(database, clock),
    ...settleOperations(database, clock, hint),
    ...controlOperations(database, clock, hint),
    ...callbackOperations(database, clock),
    ...rescueOperations(database, clock),
    ...auditOperations(database, clock),
    ...deleteOperations(database, clock),
    ...clearOperations(database, clock),
    ...touchOperations(database),
    ...queryOperations(database),
    ...listOperations(database),
    ...watchOperations(database, clock),
    onWork(listener) {
      listeners.add(listener)
      if (listenUrl !== null) {
        listening ??= listen(listenUrl, ({ from, hints }) => {
          if (from !== id) for (const hint of hints) tell(hint)
        })
      }
      return () => listeners.delete(listener)
    },
    async close() {
      await listening?.close()
      await database.close()
    },
  }
}

/** A database that nobody gets to before it has its schema. */
function after(prepared: Promise<void>, database: Database): Database {
  let isPrepared = false
  prepared.then(
    () => {
      isPrepared = true
    },
    () => {},
  )
  return {
    ...database,
    async query<Row>(sql: string, parameters: readonly unknown[]) {
      if (!isPrepared) throw new StoreUnavailable('PostgreSQL was not there yet')
      return database.query<Row>(sql, parameters)
    },
  }
}
