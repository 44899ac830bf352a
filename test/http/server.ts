import { onTestFinished } from 'vitest'
import { type HttpPorts, TIMEOUTS } from '../../src/http/ports.ts'
import { createServer, type HttpServer } from '../../src/http/server.ts'
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

/** Everything but the limits can be replaced as a whole, the limits one by one. */
export interface Changes extends Partial<Omit<HttpPorts, 'limits' | 'store'>> {
  readonly limits?: Partial<UploadPorts['limits'] & HttpPorts['limits']>
  /** Puts something around the store. */
  readonly wrap?: (store: Store) => HttpPorts['store']
}

/** Closed by itself when the test is over. */
export async function openServer({ limits, wrap, ...ports }: Changes = {}): Promise<Fixture> {
  const store = await openMemoryStore()
  const events: Event[] = []
  const systems = toCatalogue({ mode: 'demo', names: [], readable: [] })
  const intake = { store: wrap?.(store) ?? store, clock: systemClock, newId, systems, ...ports }
  const all: UploadPorts['limits'] & HttpPorts['limits'] = {
    maxBody: 100_000,
    maxMappings: 100,
    maxStream: 2_000_000,
    maxStreamMappings: 20_000,
    maxUploads: 4,
    maxBacklog: 1_000_000,
    maxConnections: 1000,
    batchSize: null,
    ...limits,
  }
  const server = createServer({
    ...intake,
    emit: (event) => events.push(event),
    // In this thread: that it is done in one of its own changes nothing of what is done.
    upload: (order, body) => take(order, body, { ...intake, hashKey: newHashKey, limits: all }),
    describe: () => ({ kind: 'simulated', limits: { concurrency: 20, rate: null } }),
    offers: 'everything',
    host: '127.0.0.1',
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
