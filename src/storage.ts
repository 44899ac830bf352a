/**
 * The one place that chooses a store: the embedded one, or PostgreSQL where DATABASE_URL names it.
 * What only one of them needs is loaded only for it.
 */
import type { MessagePort } from 'node:worker_threads'
import type { Settings } from './config/settings.ts'
import type { Emit } from './observe/events.ts'
import type { PostgresConnections } from './store/postgres/store.ts'
import type { StorePorts } from './store/sqlite/remote.ts'
import type { Store } from './store/store.ts'

/** The store of a process. */
export interface Storage {
  /** This thread's way to it. Unavailable until `ready`. */
  readonly store: Store
  /** Whether it is ready already. */
  readonly isThere: boolean
  /** Resolves when the database is there; rejects when it will not be until people mend it. */
  readonly ready: Promise<void>
  /** Rejects when the process must end, because what it has written is in doubt. */
  readonly failed: Promise<never>
  /** Another thread's way to it. */
  share(): StoreAccess
  close(): Promise<void>
}

/** What a thread is given to open its store with; it survives the way there. */
export type StoreAccess =
  | { readonly kind: 'sqlite'; readonly ports: StorePorts }
  | { readonly kind: 'postgres'; readonly connections: PostgresConnections }

/**
 * Opens the store that the settings name. A PostgreSQL that is away is waited for by `ready`, and the
 * log says so.
 *
 * @throws when it cannot be had, for a reason that people can mend
 */
export function openStorage(settings: Settings, emit: Emit): Promise<Storage> {
  const { databaseUrl } = settings
  if (databaseUrl === null) return openEmbedded(settings.dataDir)
  return openShared({ ...settings, databaseUrl }, emit)
}

async function openEmbedded(dataDir: string): Promise<Storage> {
  const { openSqliteStore } = await import('./store/sqlite/store.ts')
  const store = await openSqliteStore({ dataDir })
  return {
    store,
    isThere: true,
    ready: Promise.resolve(),
    failed: store.failed,
    share: () => ({ kind: 'sqlite', ports: store.share() }),
    close: () => store.close(),
  }
}

async function openShared(
  settings: Settings & { readonly databaseUrl: string },
  emit: Emit,
): Promise<Storage> {
  const { postgresStore } = await import('./store/postgres/store.ts')
  const { prepare } = await import('./store/postgres/prepare.ts')
  const { databaseUrl: url, listenUrl, migrate } = settings
  const connections: PostgresConnections = {
    url,
    listenUrl: listenUrl === 'off' ? null : (listenUrl ?? url),
    connections: settings.databaseConnections,
  }
  const onAway = (message: string) => emit({ event: 'store_unavailable', message })
  const preparation = await prepare({ url, migrate, onAway })
  const store = postgresStore(connections, preparation.ready)
  return {
    store,
    isThere: preparation.isThere,
    ready: preparation.ready,
    failed: new Promise(() => {}),
    share: () => ({ kind: 'postgres', connections }),
    async close() {
      preparation.stop()
      await store.close()
    },
  }
}

/** Opens the store in another thread, which is started when the database is ready. */
export async function openAccess(access: StoreAccess): Promise<Store> {
  if (access.kind === 'sqlite') {
    const { remoteStore } = await import('./store/sqlite/remote.ts')
    return remoteStore(access.ports)
  }
  const { postgresStore } = await import('./store/postgres/store.ts')
  return postgresStore(access.connections)
}

/** What of it is handed over to the other thread, rather than copied. */
export function transferable(access: StoreAccess): MessagePort[] {
  return access.kind === 'sqlite' ? [access.ports.writer, access.ports.reader] : []
}
