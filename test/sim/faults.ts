import type { DurationMs, Random } from '../../src/core/units.ts'
import { type Clock, sleep } from '../../src/lib/clock.ts'
import { type Store, StoreUnavailable } from '../../src/store/store.ts'

/** How often things go wrong between a node and the store; each from 0 to 1. */
export interface Trouble {
  /** The call never arrives. */
  readonly lostCall: number
  /** The call is carried out, and the caller is told that it failed. */
  readonly lostReply: number
  /** The call is under way for up to half a minute: long enough for its sender to be given up. */
  readonly lateCall: number
  /** Each way takes up to this long. */
  readonly delay: DurationMs
}

const LATE_MS: DurationMs = 30_000

export const PEACE: Trouble = { lostCall: 0, lostReply: 0, lateCall: 0, delay: 5 }

/** The store as a node sees it across a network that delays, loses calls and loses replies. */
export function troubled(
  store: Store,
  clock: Clock,
  random: Random,
  trouble: () => Trouble,
): Store {
  async function across<T>(call: () => Promise<T>): Promise<T> {
    const { lostCall, lostReply, lateCall, delay } = trouble()
    const late = random() < lateCall ? LATE_MS : delay
    await sleep(clock, random() * late)
    if (random() < lostCall) throw new StoreUnavailable('simulated: the call was lost')
    const answer = await call()
    await sleep(clock, random() * delay)
    if (random() < lostReply) throw new StoreUnavailable('simulated: the reply was lost')
    return answer
  }

  return {
    kind: store.kind,
    insert: (request) => across(() => store.insert(request)),
    open: (request, until, now) => across(() => store.open(request, until, now)),
    stage: (request, piece, until, now) => across(() => store.stage(request, piece, until, now)),
    complete: (request, whole) => across(() => store.complete(request, whole)),
    abandon: (request) => across(() => store.abandon(request)),
    cancel: (tenant, id, now) => across(() => store.cancel(tenant, id, now)),
    join: (worker, deadline) => across(() => store.join(worker, deadline)),
    beat: (worker, deadline, now, seen) => across(() => store.beat(worker, deadline, now, seen)),
    leave: (worker) => across(() => store.leave(worker)),
    work: (now) => across(() => store.work(now)),
    claim: (worker, wants, now) => across(() => store.claim(worker, wants, now)),
    keep: (worker, held) => across(() => store.keep(worker, held)),
    settle: (settlements, now) => across(() => store.settle(settlements, now)),
    closeSome: (now) => across(() => store.closeSome(now)),
    gate: (system, gate) => across(() => store.gate(system, gate)),
    probe: (system, now) => across(() => store.probe(system, now)),
    report: (worker, reports) => across(() => store.report(worker, reports)),
    override: (system, change) => across(() => store.override(system, change)),
    resume: (system, now) => across(() => store.resume(system, now)),
    disableCallback: (endpoint, now) => across(() => store.disableCallback(endpoint, now)),
    isCallbackDisabled: (endpoint) => across(() => store.isCallbackDisabled(endpoint)),
    enableCallbacks: (lane) => across(() => store.enableCallbacks(lane)),
    release: (now) => across(() => store.release(now)),
    rescue: (now) => across(() => store.rescue(now)),
    audit: (place, now) => across(() => store.audit(place, now)),
    deleteOld: (now, retainedSince) => across(() => store.deleteOld(now, retainedSince)),
    clear: (now) => across(() => store.clear(now)),
    touch: () => across(() => store.touch()),
    request: (tenant, id) => store.request(tenant, id),
    keyed: (tenant, key) => store.keyed(tenant, key),
    requests: (tenant, filter) => store.requests(tenant, filter),
    batches: (tenant, request, range) => store.batches(tenant, request, range),
    firstBatches: (tenant, ids) => store.firstBatches(tenant, ids),
    failures: (tenant, request) => store.failures(tenant, request),
    received: (request, from, to) => store.received(request, from, to),
    totals: () => store.totals(),
    waiting: (tenant, ids) => store.waiting(tenant, ids),
    systemNames: (after, limit) => store.systemNames(after, limit),
    system: (name) => store.system(name),
    systems: (names) => store.systems(names),
    load: (system, prospect) => store.load(system, prospect),
    onWork: (listener) =>
      store.onWork((hint) => {
        clock.after(random() * trouble().delay, () => {
          if (random() >= trouble().lostReply) listener(hint)
        })
      }),
    close: async () => {},
  }
}
