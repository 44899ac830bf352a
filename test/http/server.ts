import type { DatabaseSync } from 'node:sqlite'
import { onTestFinished } from 'vitest'
import { addressFault } from '../../src/deliver/connect/addresses.ts'
import { type HttpPorts, TIMEOUTS } from '../../src/http/ports.ts'
import { download } from '../../src/http/results/download.ts'
import { createServer, type HttpServer } from '../../src/http/server.ts'
import type { SystemFacts } from '../../src/intake/outlooks.ts'
import { toCatalogue } from '../../src/intake/systems.ts'
import { take, type UploadPorts } from '../../src/intake/upload.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { newHashKey, newId } from '../../src/lib/random.ts'
import type { Event } from '../../src/observe/events.ts'
import { openMemoryStore } from '../../src/store/sqlite/memory.ts'
import type { Store } from '../../src/store/store.ts'

/** A server on a store in memory, and what it told. */
export interface Fixture {
  readonly server: HttpServer
  readonly store: Store
  readonly events: readonly Event[]
}

/** Callbacks may go to the public internet. */
const SIGNED: HttpPorts['callbacks'] = {
  areSigned: true,
  addressFault: (address) => addressFault(address, []),
}

/** Everything but the limits can be replaced as a whole, the limits one by one. */
export interface Changes extends Partial<Omit<HttpPorts, 'limits' | 'store'>> {
  readonly limits?: Partial<UploadPorts['limits'] & HttpPorts['limits']>
  /** Puts something around the store. */
  readonly wrap?: (store: Store) => HttpPorts['store']
  /** What the store is made of, for tests that look into it. */
  readonly database?: DatabaseSync
}

/** Of a system of which nothing is known but that it is called. */
export const FACTS: SystemFacts = {
  limits: { concurrency: 20, rate: null },
  timeout: 30_000,
  together: 1,
  latency: null,
}

/** Closed by itself when the test is over. */
export async function openServer({
  limits,
  wrap,
  database,
  ...ports
}: Changes = {}): Promise<Fixture> {
  const store = await openMemoryStore(database)
  const events: Event[] = []
  const wrapped = wrap?.(store) ?? store
  const systems = toCatalogue({ mode: 'demo', names: [], readable: [] })
  const callbacks = SIGNED
  const intake = { store: wrapped, clock: systemClock, newId, systems, callbacks, ...ports }
  const all: UploadPorts['limits'] & HttpPorts['limits'] = {
    maxBody: 100_000,
    maxMappings: 100,
    maxStream: 2_000_000,
    maxStreamMappings: 20_000,
    maxUploads: 4,
    maxBacklog: 1_000_000,
    maxConnections: 1000,
    maxStreams: 1000,
    maxDownloads: 20,
    batchSize: null,
    ...limits,
  }
  const server = createServer({
    ...intake,
    download: (order) => download(wrapped, order),
    emit: (event) => events.push(event),
    // In this thread: that it is done in one of its own changes nothing of what is done.
    upload: (order, body) => take(order, body, { ...intake, hashKey: newHashKey, limits: all }),
    describe: () => ({ kind: 'simulated', limits: { concurrency: 20, rate: null } }),
    facts: () => FACTS,
    preview: async () => [],
    offers: 'everything',
    host: '127.0.0.1',
    names: [],
    port: 0,
    version: '0.0.0',
    tenant: 'default',
    timeouts: TIMEOUTS,
    ...ports,
    limits: all,
  })
  onTestFinished(async () => {
    await server.close(0)
    await store.close()
  })
  return { server, store, events }
}

/** A mapping that is good, but for what is told. */
export function mapping(changes: object = {}): object {
  return { id: 'map_001', source: 'source_1', target: 'target_1', ...changes }
}
