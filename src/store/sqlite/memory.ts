import type { Store, WorkHint } from '../store.ts'
import { openWriter } from './database.ts'
import { groupCommit } from './group.ts'
import { migrate } from './migrate.ts'
import { readOperations, writeOperations } from './operations.ts'

/**
 * The same store on a database in memory, in the caller's own thread, each call a transaction of
 * its own. The tests' store, and the simulation's: there is no other double.
 *
 * @param database a fresh writer; a test may bring one that it has spoilt on purpose
 */
export async function openMemoryStore(database = openWriter(':memory:')): Promise<Store> {
  migrate(database)
  const listeners = new Set<(hint: WorkHint) => void>()
  const hints: WorkHint[] = []
  const writes = writeOperations(database, (hint) => hints.push(hint))
  const reads = readOperations(database)
  const run = groupCommit(database)

  async function call<T>(operation: () => T): Promise<T> {
    const [outcome] = run([operation])
    for (const hint of hints.splice(0)) for (const listener of listeners) listener(hint)
    if (outcome === undefined) throw new Error('a group answers each of its calls')
    if (!outcome.ok) throw outcome.error
    return outcome.value
  }

  return {
    kind: 'sqlite',
    insert: (request) => call(() => writes.insert(request)),
    open: (request, until, now) => call(() => writes.open(request, until, now)),
    stage: (request, piece, until, now) => call(() => writes.stage(request, piece, until, now)),
    complete: (request, whole) => call(() => writes.complete(request, whole)),
    abandon: (request) => call(() => writes.abandon(request)),
    cancel: (tenant, id, now) => call(() => writes.cancel(tenant, id, now)),
    join: (worker, deadline) => call(() => writes.join(worker, deadline)),
    beat: (worker, deadline, now, seen) => call(() => writes.beat(worker, deadline, now, seen)),
    leave: (worker) => call(() => writes.leave(worker)),
    work: (now) => call(() => writes.work(now)),
    claim: (worker, wants, now) => call(() => writes.claim(worker, wants, now)),
    keep: (worker, held) => call(() => writes.keep(worker, held)),
    settle: (settlements, now) => call(() => writes.settle(settlements, now)),
    closeSome: (now) => call(() => writes.closeSome(now)),
    gate: (system, gate) => call(() => writes.gate(system, gate)),
    probe: (system, now) => call(() => writes.probe(system, now)),
    report: (worker, reports) => call(() => writes.report(worker, reports)),
    override: (system, change) => call(() => writes.override(system, change)),
    resume: (system, now) => call(() => writes.resume(system, now)),
    disableCallback: (endpoint, now) => call(() => writes.disableCallback(endpoint, now)),
    enableCallbacks: (lane) => call(() => writes.enableCallbacks(lane)),
    release: (now) => call(() => writes.release(now)),
    rescue: (now) => call(() => writes.rescue(now)),
    audit: (place, now) => call(() => writes.audit(place, now)),
    deleteOld: (now, retainedSince) => call(() => writes.deleteOld(now, retainedSince)),
    clear: (now) => call(() => writes.clear(now)),
    touch: () => call(() => writes.touch()),
    request: (tenant, id) => call(() => reads.request(tenant, id)),
    keyed: (tenant, key) => call(() => reads.keyed(tenant, key)),
    requests: (tenant, filter) => call(() => reads.requests(tenant, filter)),
    batches: (tenant, request, range) => call(() => reads.batches(tenant, request, range)),
    firstBatches: (tenant, ids) => call(() => reads.firstBatches(tenant, ids)),
    failures: (tenant, request) => call(() => reads.failures(tenant, request)),
    received: (request, from, to) => call(() => reads.received(request, from, to)),
    totals: () => call(() => reads.totals()),
    waiting: (tenant, ids) => call(() => reads.waiting(tenant, ids)),
    systemNames: (after, limit) => call(() => reads.systemNames(after, limit)),
    system: (name) => call(() => reads.system(name)),
    systems: (names) => call(() => reads.systems(names)),
    load: (system, prospect) => call(() => reads.load(system, prospect)),
    isCallbackDisabled: (endpoint) => call(() => reads.isCallbackDisabled(endpoint)),
    onWork(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    close: async () => database.close(),
  }
}
