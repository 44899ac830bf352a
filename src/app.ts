/**
 * The whole service: with `storage.ts`, `catalogue.ts`, `delivery.ts`, its threads' `worker.ts` and
 * `administration.ts`, the only place that chooses concrete parts. It starts them in the order in which
 * the data flows, and stops them in reverse.
 */
import { flushCompileCache } from 'node:module'
import {
  catalogueData,
  describer,
  kindSettings,
  readSystemsFile,
  StartError,
  type Systems,
} from './catalogue.ts'
import type { Settings } from './config/settings.ts'
import type { DurationMs } from './core/units.ts'
import { type Delivery, startDelivery } from './delivery.ts'
import { type HttpPorts, TIMEOUTS } from './http/ports.ts'
import type { HttpServer } from './http/server.ts'
import { toCatalogue } from './intake/systems.ts'
import { systemClock } from './lib/clock.ts'
import { newId } from './lib/random.ts'
import { VERSION } from './lib/version.ts'
import type { Emit } from './observe/events.ts'
import { type Log, openLog } from './observe/log.ts'
import type { ReceiverData } from './receiver.ts'
import { openStorage, type Storage } from './storage.ts'
import { openUploads, type Uploads } from './uploads.ts'
import type { WorkerData } from './worker.ts'

export { StartError } from './catalogue.ts'

/** A running instance of the service. */
export interface App {
  /** Null where it answers nowhere: a worker without a port. */
  readonly url: string | null
  readonly role: Settings['role']
  readonly mode: 'demo' | 'configured'
  /** Resolves when it has stopped; rejects when it could not go on. */
  readonly done: Promise<void>
  /** Takes nothing new, lets the calls under way end, and writes what is known. */
  stop(): Promise<void>
}

/** What is kept of the drain time for the steps after the calls have ended. */
const WRAP_UP_MS: DurationMs = 1000

/**
 * Starts what the role asks for. It is at work when this resolves, unless PostgreSQL is away: then it
 * answers `503`, and goes to work when PostgreSQL is there.
 *
 * @throws StartError
 */
export async function startApp(settings: Settings): Promise<App> {
  const systems = await readSystemsFile(settings)
  const log = openLog(settings.logLevel)
  const { emit } = log
  await using started = new AsyncDisposableStack()
  // The API is what takes longest to load; meanwhile the store's threads open the database.
  const api = portOf(settings) === null ? null : import('./http/server.ts')
  const storage = started.adopt(await orStartError(openStorage(settings, emit)), (open) =>
    open.close(),
  )
  const { role } = settings
  const delivery = role === 'api' ? null : deliver(settings, systems, storage, emit)
  started.defer(async () => {
    await delivery?.drain(systemClock.now())
    await delivery?.ended()
  })
  const known = await catalogueData(systems, settings)
  const { store } = storage
  const uploads = started.adopt(
    openUploads({
      data: () => ({ store: storage.share(), systems: known, limits: limitsOf(settings) }),
      max: settings.maxUploads,
    }),
    (open) => open.close(),
  )
  const { upload } = uploads
  const ports = httpPorts(settings, systems, { store, emit, upload, systems: toCatalogue(known) })
  const server = ports === null || api === null ? null : (await api).createServer(ports)
  const url = server === null ? null : await orStartError(server.listen())
  if (storage.isThere) await delivery?.started
  started.move()

  const mode = systems === null ? 'demo' : 'configured'
  emit({ event: 'started', url, store: storage.store.kind, mode, role })
  // Now, because a process that is killed never gets to it.
  flushCompileCache()
  const stopped = Promise.withResolvers<void>()
  const stop = once(async () => {
    await stopAll(settings.drainTimeout, { server, delivery, uploads, storage, log })
    stopped.resolve()
  })
  const failures = delivery === null ? [] : [delivery.failed]
  const unready = storage.ready.then(() => stopped.promise)
  const done = Promise.race([stopped.promise, unready, storage.failed, ...failures])
  return { url, role, mode, done, stop }
}

/** Runs it at the first call; every call gets its promise. */
function once(action: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | null = null
  return () => {
    running ??= action()
    return running
  }
}

interface Parts {
  readonly server: HttpServer | null
  readonly delivery: Delivery | null
  readonly uploads: Uploads
  readonly storage: Storage
  readonly log: Log
}

async function stopAll(
  drainTimeout: DurationMs,
  { server, delivery, uploads, storage, log }: Parts,
): Promise<void> {
  const deadline = systemClock.now() + drainTimeout
  const closed = server?.close(drainTimeout)
  await delivery?.drain(deadline - WRAP_UP_MS)
  log.emit({ event: 'draining', deadlineMs: drainTimeout })
  await Promise.all([closed, delivery?.ended()])
  await uploads.close()
  await storage.close()
  log.emit({ event: 'stopped' })
  log.close()
}

function deliver(settings: Settings, systems: Systems, storage: Storage, emit: Emit): Delivery {
  const { concurrency, retention, workers: threads } = settings
  const kinds = kindSettings(settings)
  const data = (): WorkerData => {
    return { store: storage.share(), systems, concurrency, retention, kinds }
  }
  return startDelivery({ threads, ready: storage.ready, data, emit })
}

/** Null where it answers nowhere. */
function portOf({ role, healthPort, port }: Settings): number | null {
  return role === 'worker' ? healthPort : port
}

/** What the thread for large bodies must know of the settings: nothing that is secret. */
function limitsOf(settings: Settings): ReceiverData['limits'] {
  const { maxBody, maxMappings, maxStream, maxStreamMappings, batchSize } = settings
  return { maxBody, maxMappings, maxStream, maxStreamMappings, batchSize }
}

/** Null where the role answers nothing. */
function httpPorts(
  settings: Settings,
  systems: Systems,
  parts: Pick<HttpPorts, 'store' | 'emit' | 'upload' | 'systems'>,
): HttpPorts | null {
  const port = portOf(settings)
  if (port === null) return null
  return {
    ...parts,
    port,
    offers: settings.role === 'worker' ? 'health' : 'everything',
    clock: systemClock,
    newId,
    describe: describer(systems, settings.concurrency),
    limits: settings,
    timeouts: TIMEOUTS,
    host: settings.host,
    version: VERSION,
    tenant: 'default',
  }
}

async function orStartError<T>(start: Promise<T>): Promise<T> {
  try {
    return await start
  } catch (cause) {
    throw new StartError(cause instanceof Error ? cause.message : String(cause), { cause })
  }
}
