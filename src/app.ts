/**
 * The whole service: with `storage.ts`, `catalogue.ts`, `delivery.ts`, its threads' `worker.ts` and
 * `administration.ts`, the only place that chooses concrete parts. It starts them in the order in which
 * the data flows, and stops them in reverse.
 */
import { flushCompileCache } from 'node:module'
import {
  callbackPolicy,
  catalogue,
  describer,
  kindSettings,
  readSystemsFile,
  StartError,
  type Systems,
} from './catalogue.ts'
import type { Settings } from './config/settings.ts'
import type { DurationMs } from './core/units.ts'
import { previewer } from './deliver/preview.ts'
import { openTransformer, type Transformer } from './deliver/transform/transformer.ts'
import { type Delivery, startDelivery } from './delivery.ts'
import { type HttpPorts, TIMEOUTS } from './http/ports.ts'
import type { HttpServer } from './http/server.ts'
import { systemClock } from './lib/clock.ts'
import { newId } from './lib/random.ts'
import { VERSION } from './lib/version.ts'
import type { Emit } from './observe/events.ts'
import { type Log, openLog } from './observe/log.ts'
import { openStorage, type Storage } from './storage.ts'
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
  const transformer = started.adopt(computeForApi(emit), (open) => open.close())
  const ports = await httpPorts(settings, systems, storage, transformer, emit)
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
    await stopAll(settings.drainTimeout, { server, transformer, delivery, storage }, log)
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
  readonly transformer: Transformer
  readonly delivery: Delivery | null
  readonly storage: Storage
}

async function stopAll(
  drainTimeout: DurationMs,
  { server, transformer, delivery, storage }: Parts,
  log: Log,
): Promise<void> {
  const deadline = systemClock.now() + drainTimeout
  const closed = server?.close(drainTimeout)
  await delivery?.drain(deadline - WRAP_UP_MS)
  log.emit({ event: 'draining', deadlineMs: drainTimeout })
  await Promise.all([closed, delivery?.ended()])
  await transformer.close()
  await storage.close()
  log.emit({ event: 'stopped' })
  log.close()
}

function deliver(settings: Settings, systems: Systems, storage: Storage, emit: Emit): Delivery {
  const { concurrency, retention, workers: threads } = settings
  const kinds = kindSettings(settings)
  const callbacks = {
    secrets: settings.callbackSecrets ?? [],
    allowPrivate: settings.callbackAllowPrivate ?? [],
  }
  const data = (): WorkerData => {
    return { store: storage.share(), systems, concurrency, retention, kinds, callbacks }
  }
  return startDelivery({ threads, ready: storage.ready, data, emit })
}

/** The expressions of rehearsals; those that are delivered have their own process in each thread. */
function computeForApi(emit: Emit): Transformer {
  const onUnavailable = (message: string) => emit({ event: 'transformer_unavailable', message })
  return openTransformer({ clock: systemClock, onUnavailable })
}

/** Null where it answers nowhere. */
function portOf({ role, healthPort, port }: Settings): number | null {
  return role === 'worker' ? healthPort : port
}

/** Null where the role answers nothing. */
async function httpPorts(
  settings: Settings,
  systems: Systems,
  { store }: Storage,
  { transform }: Transformer,
  emit: Emit,
): Promise<HttpPorts | null> {
  const port = portOf(settings)
  if (port === null) return null
  const { previewable, ...known } = await catalogue(systems, settings)
  return {
    store,
    emit,
    port,
    offers: settings.role === 'worker' ? 'health' : 'everything',
    clock: systemClock,
    newId,
    ...known,
    callbacks: callbackPolicy(settings),
    preview: previewer(previewable, transform, systemClock),
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
