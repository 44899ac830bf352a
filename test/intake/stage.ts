/** What the tests of streams do again and again. */
import { onTestFinished } from 'vitest'
import { NO_TERMS } from '../../src/core/request.ts'
import { type Result, resultsOf } from '../../src/core/results.ts'
import type { Acceptance } from '../../src/intake/accept.ts'
import type { Planned } from '../../src/intake/plan.ts'
import { planStream } from '../../src/intake/plan-stream.ts'
import type { Refusal } from '../../src/intake/problem.ts'
import { receive, type StreamPorts } from '../../src/intake/receive.ts'
import type { StreamSubmission } from '../../src/intake/reception.ts'
import { toCatalogue } from '../../src/intake/systems.ts'
import type { Clock } from '../../src/lib/clock.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { newHashKey, newId } from '../../src/lib/random.ts'
import { openMemoryStore } from '../../src/store/sqlite/memory.ts'
import type { Store } from '../../src/store/store.ts'
import { allBatches } from '../contract/steps.ts'
import { TENANT } from '../support/requests.ts'

export interface Changes extends Partial<Omit<StreamSubmission, 'tenant'>> {
  readonly store?: Store
  readonly clock?: Clock
  readonly systems?: StreamPorts['systems']
  readonly limits?: Partial<StreamPorts['limits']>
  readonly hashKey?: StreamPorts['hashKey']
}

/** A store in memory, gone when the test is over. */
export async function openStore(): Promise<Store> {
  const store = await openMemoryStore()
  onTestFinished(() => store.close())
  return store
}

/** Hands in a stream, to a store of its own unless told otherwise. */
export async function received(
  body: string | AsyncIterable<Uint8Array>,
  changes: Changes = {},
): Promise<Acceptance> {
  const { store = await openStore(), ...rest } = changes
  const { submission, ports } = handedIn(rest)
  return receive(submission, bytesOf(body), { ...ports, store })
}

/** Rehearses a stream, by a store that only looks a request up. */
export async function streamPlanned(
  body: string | AsyncIterable<Uint8Array>,
  { store, ...changes }: Changes = {},
): Promise<Planned | Refusal> {
  const { submission, ports } = handedIn(changes)
  const looking = {
    request: async (...given: [string, string]) => store?.request(...given) ?? null,
    keyed: async (...given: [string, string]) => store?.keyed(...given) ?? null,
  }
  return planStream(submission, bytesOf(body), { ...ports, store: looking })
}

function bytesOf(body: string | AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  return typeof body === 'string' ? cut(body) : body
}

function handedIn({ clock = systemClock, limits, hashKey, ...rest }: Omit<Changes, 'store'>) {
  const { systems = toCatalogue({ mode: 'demo', names: [], readable: [] }), ...changes } = rest
  const ports: Omit<StreamPorts, 'store'> = {
    ...{ clock, systems, newId, hashKey: hashKey ?? newHashKey },
    callbacks: { areSigned: false, addressFault: () => null },
    limits: {
      ...{ maxMappings: 1000, batchSize: null, maxStream: 1e9, maxStreamMappings: 100_000 },
      ...limits,
    },
  }
  const defaults = { format: 'ndjson', idempotencyKey: null, onInvalid: 'refuse' } as const
  const whole = { ...defaults, tenant: TENANT, options: {}, terms: NO_TERMS, ...changes }
  const submission: StreamSubmission = whole
  return { submission, ports }
}

/** A text as bytes, in chunks of so many. */
export async function* cut(text: string, size = 1000): AsyncGenerator<Uint8Array, void> {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

/** One line for each mapping. */
export function lines(count: number, of: (ordinal: number) => object = () => ({})): string {
  return Array.from({ length: count }, (_, ordinal) => `${line(ordinal, of(ordinal))}\n`).join('')
}

/** One mapping as a line, but for its end. */
export function line(ordinal: number, changes: object = {}): string {
  return JSON.stringify({ id: `m${ordinal}`, source: 's', target: 't', ...changes })
}

/** The id of a request that was taken. */
export function idOf(acceptance: Acceptance): string {
  if (acceptance.kind !== 'accepted') throw new Error(`it was ${acceptance.kind}`)
  return acceptance.request
}

/** All results of a request, in order. */
export async function resultsIn(store: Store, request: string): Promise<readonly Result[]> {
  const results = (await allBatches(store, request)).flatMap((batch) =>
    resultsOf(batch, { from: 0, state: null }),
  )
  return results.sort((a, b) => a.ordinal - b.ordinal)
}
