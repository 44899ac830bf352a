/**
 * The whole service. With the files beside it, of which ARCHITECTURE.md tells, it is the only place that
 * chooses concrete parts. It starts them in the order in which the data flows, and stops them in reverse.
 */
import { flushCompileCache } from 'node:module'
import { type CallbackSettings, callbackPolicy } from './callback-policy.ts'
import {
  type Catalogue,
  catalogue,
  describer,
  kindSettings,
  readSystemsFile,
  StartError,
  type Systems,
} from './catalogue.ts'
import { namesOf, type Settings } from './config/settings.ts'
import type { DurationMs } from './core/units.ts'
import { previewer } from './deliver/preview.ts'
import { openTransformer, type Transformer } from './deliver/transform/transformer.ts'
import { type Delivery, startDelivery } from './delivery.ts'
import { type Downloads, openDownloads } from './downloads.ts'
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
  let server: HttpServer | null = null
  const emit: Emit = (event) => {
    log.emit(event)
    server?.hear(event)
  }
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
  const downloads = started.adopt(openDownloads(storage.share), (open) => open.close())
  const known = await orStartError(catalogue(systems, settings))
  const uploads = started.adopt(
    openUploads({ data: () => receiverData(settings, known, storage), max: settings.maxUploads }),
    (open) => open.close(),
  )
  const parts = { storage, uploads, downloads, transformer, emit }
  const ports = httpPorts(settings, systems, known, parts)
  server = ports === null || api === null ? null : (await api).createServer(ports)
  const url = server === null ? null : await orStartError(server.listen())
  if (storage.isThere) await delivery?.started
  started.move()

  const mode = systems === null ? 'demo' : 'configured'
  emit({ event: 'started', url, store: storage.store.kind, mode, role })
  // Now, because a process that is killed never gets to it.
  flushCompileCache()
  const stopped = Promise.withResolvers<void>()
  const stop = once(async () => {
    const parts = { server, delivery, uploads, downloads, transformer, storage, log }
    await stopAll(settings.drainTimeout, parts)
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
  readonly downloads: Downloads
  readonly transformer: Transformer
  readonly storage: Storage
  readonly log: Log
}

async function stopAll(
  drainTimeout: DurationMs,
  { server, delivery, uploads, downloads, transformer, storage, log }: Parts,
): Promise<void> {
  const deadline = systemClock.now() + drainTimeout
  const closed = server?.close(drainTimeout)
  await delivery?.drain(deadline - WRAP_UP_MS)
  log.emit({ event: 'draining', deadlineMs: drainTimeout })
  await Promise.all([closed, delivery?.ended()])
  await Promise.all([uploads.close(), downloads.close(), transformer.close()])
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

/** What a thread for large bodies is started with: of the settings, nothing that is secret. */
function receiverData(settings: Settings, known: Catalogue, storage: Storage): ReceiverData {
  const { maxBody, maxMappings, maxStream, maxStreamMappings, batchSize } = settings
  return {
    store: storage.share(),
    systems: known.systems,
    callbacks: callbackSettings(settings),
    limits: { maxBody, maxMappings, maxStream, maxStreamMappings, batchSize },
  }
}

function callbackSettings({ callbackSecrets, callbackAllowPrivate }: Settings): CallbackSettings {
  return { areSigned: callbackSecrets !== null, allowPrivate: callbackAllowPrivate ?? [] }
}

type ApiParts = Omit<Parts, 'server' | 'delivery' | 'log'> & { readonly emit: Emit }

/** Null where the role answers nothing. */
function httpPorts(
  settings: Settings,
  systems: Systems,
  { systems: names, facts, previewable }: Catalogue,
  { storage, uploads, downloads, transformer, emit }: ApiParts,
): HttpPorts | null {
  const port = portOf(settings)
  if (port === null) return null
  return {
    store: storage.store,
    upload: uploads.upload,
    download: downloads.download,
    emit,
    port,
    offers: settings.role === 'worker' ? 'health' : 'everything',
    clock: systemClock,
    newId,
    systems: toCatalogue(names),
    facts,
    callbacks: callbackPolicy(callbackSettings(settings)),
    preview: previewer(previewable, transformer.transform, systemClock),
    describe: describer(systems, settings.concurrency),
    limits: settings,
    timeouts: TIMEOUTS,
    host: settings.host,
    names: namesOf(settings),
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
