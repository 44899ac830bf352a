/**
 * A delivery thread: a worker with a thread of its own, so that the API answers quickly while it
 * runs flat out. Like `app.ts` it chooses concrete parts and does nothing else.
 */
import { flushCompileCache } from 'node:module'
import { hostname } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { USUAL_ANSWERS } from './core/answers.ts'
import { callbackLane, isCallbackName, UNTOLD } from './core/callback.ts'
import { DEFAULT_RETRY } from './core/retry.ts'
import type { SystemEntry } from './core/system.ts'
import type { DurationMs, EpochMs } from './core/units.ts'
import { callbackRules } from './deliver/callbacks/rules.ts'
import { type CallbackPorts, openCallbacks } from './deliver/callbacks.ts'
import { deliverer } from './deliver/deliver.ts'
import type { Connection } from './deliver/kind.ts'
import { simulated } from './deliver/kinds/simulated.ts'
import { connectSystems, type KindSettings } from './deliver/kinds.ts'
import { openDemoSystems } from './deliver/systems.ts'
import { openTransformer } from './deliver/transform/transformer.ts'
import { Dispatcher } from './dispatch/dispatcher.ts'
import { statusOf } from './http/status.ts'
import { systemClock } from './lib/clock.ts'
import { newId, systemRandom } from './lib/random.ts'
import type { Event } from './observe/events.ts'
import { openAccess, type StoreAccess } from './storage.ts'
import { StoreUnavailable } from './store/store.ts'

/** What the thread is started with. */
export interface WorkerData {
  readonly store: StoreAccess
  /** Null in demo mode. */
  readonly systems: readonly SystemEntry[] | null
  readonly concurrency: number
  readonly kinds: KindSettings
  readonly callbacks: Pick<CallbackPorts, 'secrets' | 'allowPrivate'>
  readonly retention: DurationMs
}

/** To the thread: drain until then, and end. */
export interface Stop {
  readonly deadline: EpochMs
}

/** From the thread. */
export type WorkerNews =
  | { readonly kind: 'started' }
  /** It has been told to stop, and starts nothing more. */
  | { readonly kind: 'draining' }
  | { readonly kind: 'event'; readonly event: Event }

const data: WorkerData = workerData
const clock = systemClock
const random = systemRandom
const systems = await open(data)

async function open({ systems: entries, kinds: settings, concurrency }: WorkerData) {
  const ports = { clock, random }
  if (entries === null) return openDemoSystems(simulated(settings.simulated), concurrency, ports)
  return connectSystems(entries, settings, ports)
}

/** For a system that a stored request names, and the systems file no more: its mappings fail. */
const UNKNOWN = {
  limits: { concurrency: data.concurrency, rate: null },
  retry: DEFAULT_RETRY,
  answers: USUAL_ANSWERS,
  together: 1,
  readable: false,
}

function tell(news: WorkerNews): void {
  parentPort?.postMessage(news)
}

/** What a store that is away could not do need not be done: the receiver will say it again. */
async function unlessAway<T>(asked: Promise<T>, otherwise: T): Promise<T> {
  try {
    return await asked
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error
    return otherwise
  }
}

const transformer = openTransformer({
  clock,
  onUnavailable: (message) => {
    tell({ kind: 'event', event: { event: 'transformer_unavailable', message } })
  },
})
const store = await openAccess(data.store)
const callbacks = openCallbacks({
  ...data.callbacks,
  userAgent: data.kinds.userAgent,
  clock,
  statusOf: (request) => statusOf(request, [], clock.now(), UNTOLD),
  isDisabled: (endpoint) => unlessAway(store.isCallbackDisabled(endpoint), false),
  async disable(endpoint, request) {
    await unlessAway(store.disableCallback(endpoint, clock.now()), undefined)
    const [tenant, system] = [endpoint.tenant, callbackLane(endpoint.url)]
    tell({ kind: 'event', event: { event: 'callback_disabled', request, tenant, system } })
  },
})
const rulesOfCallbacks = callbackRules(data.concurrency)

function connectionTo(name: string): Connection | null {
  return isCallbackName(name) ? callbacks : (systems.get(name)?.connection ?? null)
}

const dispatcher = new Dispatcher({
  store,
  deliver: deliverer(connectionTo, transformer.transform, clock),
  rules: (name) => (isCallbackName(name) ? rulesOfCallbacks : (systems.get(name) ?? UNKNOWN)),
  clock,
  random,
  newId: () => newId(clock.now()),
  emit: (event) => tell({ kind: 'event', event }),
  host: hostname(),
  retention: data.retention,
})

parentPort?.once('message', async ({ deadline }: Stop) => {
  const stopped = dispatcher.stop(deadline)
  tell({ kind: 'draining' })
  await stopped
  await Promise.all([systems.close(), callbacks.close(), transformer.close(), store.close()])
  parentPort?.close()
})
await dispatcher.start()
tell({ kind: 'started' })
flushCompileCache()
