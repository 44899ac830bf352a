/**
 * The whole service: the only place, with the delivery thread's `worker.ts`, that chooses concrete
 * parts. It starts them in the order in which the data flows, and stops them in reverse.
 */
import { existsSync, readFileSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { dirname } from 'node:path'
import { environment } from './config/environment.ts'
import type { Settings } from './config/settings.ts'
import { kindsNamed, readSystems } from './config/systems.ts'
import type { SystemEntry } from './core/system.ts'
import type { DurationMs } from './core/units.ts'
import { type KindSettings, kindsFor } from './deliver/kinds.ts'
import { type Delivery, startDelivery } from './delivery.ts'
import { type HttpPorts, TIMEOUTS } from './http/ports.ts'
import type { HttpServer } from './http/server.ts'
import { systemClock } from './lib/clock.ts'
import { newId } from './lib/random.ts'
import { VERSION } from './lib/version.ts'
import type { Emit } from './observe/events.ts'
import { type Log, openLog } from './observe/log.ts'
import { openSqliteStore, type SqliteStore } from './store/sqlite/store.ts'
import type { WorkerData } from './worker.ts'

/** It cannot start, for a reason that people can mend: the message tells them how. */
export class StartError extends Error {
  override readonly name = 'StartError'
}

/** A running instance of the service. */
export interface App {
  readonly url: string
  readonly mode: 'demo' | 'configured'
  /** Resolves when it has stopped; rejects when it could not go on. */
  readonly done: Promise<void>
  /** Takes nothing new, lets the calls under way end, and writes what is known. */
  stop(): Promise<void>
}

const DEFAULT_SYSTEMS_FILE = './systems.yaml'

/** What is kept of the drain time for the steps after the calls have ended. */
const WRAP_UP_MS: DurationMs = 1000

/** @throws StartError */
export async function startApp(settings: Settings): Promise<App> {
  const systems = await readSystemsFile(settings)
  const log = openLog(settings.logLevel)
  const { emit } = log
  await using started = new AsyncDisposableStack()
  // The API is what takes longest to load; meanwhile the store's threads open the database.
  const api = import('./http/server.ts')
  const store = started.adopt(
    await orStartError(openSqliteStore({ dataDir: settings.dataDir })),
    (open) => open.close(),
  )
  const { createServer } = await api
  const starting = startDelivery(workerData(settings, systems, store), emit)
  started.defer(async () => (await starting).stop(systemClock.now()))
  // Only the kinds know what can be read from, and they are the delivery thread's.
  const readable = new Set<string>()
  const server = createServer(httpPorts(settings, systems, readable, store, emit))
  const [url, delivery] = await Promise.all([orStartError(server.listen()), starting])
  for (const name of delivery.readable) readable.add(name)
  started.move()

  const mode = systems === null ? 'demo' : 'configured'
  emit({ event: 'started', url, store: store.kind, mode })
  // Now, because a process that is killed never gets to it.
  flushCompileCache()
  const stopped = Promise.withResolvers<void>()
  const stop = once(async () => {
    await stopAll(settings.drainTimeout, server, delivery, store, log)
    stopped.resolve()
  })
  const done = Promise.race([stopped.promise, store.failed, delivery.failed])
  return { url, mode, done, stop }
}

/** Runs it at the first call; every call gets its promise. */
function once(action: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | null = null
  return () => {
    running ??= action()
    return running
  }
}

async function stopAll(
  drainTimeout: DurationMs,
  server: HttpServer,
  delivery: Delivery,
  store: SqliteStore,
  log: Log,
): Promise<void> {
  log.emit({ event: 'draining', deadlineMs: drainTimeout })
  const deadline = systemClock.now() + drainTimeout
  await Promise.all([server.close(drainTimeout), delivery.stop(deadline - WRAP_UP_MS)])
  await store.close()
  log.emit({ event: 'stopped' })
  log.close()
}

/** Null in demo mode: no file, and every name is a simulated system. */
async function readSystemsFile(settings: Settings): Promise<readonly SystemEntry[] | null> {
  const fileName = settings.systemsFile ?? DEFAULT_SYSTEMS_FILE
  if (!existsSync(fileName)) {
    if (settings.systemsFile === null) return null
    throw new StartError(`There is no systems file at ${fileName} (SLUICE_SYSTEMS_FILE).`)
  }
  const text = readFileSync(fileName, 'utf8')
  const read = readSystems({
    text,
    fileName,
    kinds: await kindsFor(kindsNamed(text), kindSettings(settings)),
    concurrency: settings.concurrency,
    env: environment(),
    readFile: (path) => readFileSync(path, 'utf8'),
  })
  if (read.ok) return read.systems
  const problems = read.problems.map(({ file, line, message }) => `${file}:${line} ${message}`)
  throw new StartError(problems.join('\n'))
}

function kindSettings(settings: Settings): KindSettings {
  const { simulatedLatency: latency, simulatedSuccessRate: successRate, systemsFile } = settings
  return {
    simulated: { latency, successRate },
    userAgent: `sluice/${VERSION}`,
    directory: dirname(systemsFile ?? DEFAULT_SYSTEMS_FILE),
  }
}

function workerData(
  settings: Settings,
  systems: readonly SystemEntry[] | null,
  store: SqliteStore,
): WorkerData {
  const { concurrency, retention } = settings
  return { ports: store.share(), systems, concurrency, retention, kinds: kindSettings(settings) }
}

function httpPorts(
  settings: Settings,
  systems: readonly SystemEntry[] | null,
  readable: ReadonlySet<string>,
  store: SqliteStore,
  emit: Emit,
): HttpPorts {
  return {
    store,
    emit,
    clock: systemClock,
    newId,
    systems: catalogue(systems, readable),
    describe: describer(systems, settings.concurrency),
    limits: settings,
    timeouts: TIMEOUTS,
    host: settings.host,
    port: settings.port,
    version: VERSION,
    tenant: 'default',
  }
}

/** What intake must know of the systems: which names there are, and from which can be read. */
function catalogue(systems: readonly SystemEntry[] | null, readable: ReadonlySet<string>) {
  const names = (systems ?? []).map(({ name }) => name)
  const known = new Set(names)
  const mode = systems === null ? ('demo' as const) : ('configured' as const)
  const has = (name: string) => systems === null || known.has(name)
  return { mode, names, has, reads: (name: string) => readable.has(name) }
}

/** What the systems file says of each system; without one, every name is a simulated system. */
function describer(systems: readonly SystemEntry[] | null, concurrency: number) {
  const entries = new Map(systems?.map((entry) => [entry.name, entry]))
  const demo = { kind: 'simulated', limits: { concurrency, rate: null } }
  return (name: string) => (systems === null ? demo : (entries.get(name) ?? null))
}

async function orStartError<T>(start: Promise<T>): Promise<T> {
  try {
    return await start
  } catch (cause) {
    throw new StartError(cause instanceof Error ? cause.message : String(cause), { cause })
  }
}
