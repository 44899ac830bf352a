import { setTimeout as pause } from 'node:timers/promises'
import { PRIORITIES, type Receipt } from '../../src/client/index.ts'
import type { Random } from '../../src/core/units.ts'

const CLIENTS = 3
const PAUSE_MAX_MS = 150
const MAPPINGS_MAX = 100

/** One request as its client knows it. */
export interface Posted {
  readonly key: string
  readonly body: string
  /** The ids of its mappings, in order. */
  readonly ids: readonly string[]
  /** Null while nobody has acknowledged it. */
  request: string | null
}

/** What came back for a request. */
type Reply =
  | { readonly kind: 'acknowledged'; readonly request: string; readonly replayed: boolean }
  | { readonly kind: 'refused'; readonly status: number }
  /** No answer: it may or may not have been taken. */
  | { readonly kind: 'lost' }

/** Several clients that hand in requests of all sizes, and note what became of each. */
export class Load {
  /** All that were made. */
  readonly posted: Posted[] = []
  /** Those that are known to be finished. */
  readonly finished = new Set<string>()
  readonly #random: Random
  readonly #systems: readonly string[]

  constructor(random: Random, systems: readonly string[]) {
    this.#random = random
    this.#systems = systems
  }

  /** Goes on until every client was refused, or had no answer. */
  async run(url: string): Promise<void> {
    await Promise.all(Array.from({ length: CLIENTS }, () => this.#client(url)))
  }

  /** What was acknowledged and is not known to be finished. */
  open(): readonly string[] {
    return this.posted.flatMap(({ request }) =>
      request === null || this.finished.has(request) ? [] : [request],
    )
  }

  async #client(url: string): Promise<void> {
    for (;;) {
      const posted = this.make()
      const reply = await post(url, posted)
      if (reply.kind !== 'acknowledged') return
      posted.request = reply.request
      await pause(this.#random() * PAUSE_MAX_MS)
    }
  }

  /** Makes the next request: mostly small ones, and large ones now and then. */
  make(): Posted {
    const key = `request-${this.posted.length}`
    const size = Math.ceil(MAPPINGS_MAX * this.#random() ** 3) || 1
    const ids = Array.from({ length: size }, (_, ordinal) => `${key}-${ordinal}`)
    const mappings = ids.map((id) => {
      const target = this.#pick(this.#systems)
      return { id, source: target, target, data: { id } }
    })
    const body = JSON.stringify({ mappings, priority: this.#pick(PRIORITIES) })
    const posted = { key, body, ids, request: null }
    this.posted.push(posted)
    return posted
  }

  #pick<T>(from: readonly T[]): T {
    const picked = from[Math.floor(this.#random() * from.length)]
    if (picked === undefined) throw new Error('nothing to pick from')
    return picked
  }
}

/** Hands in a request, once. */
export async function post(url: string, { key, body }: Posted): Promise<Reply> {
  const headers = { 'content-type': 'application/json', 'idempotency-key': key }
  try {
    const response = await fetch(`${url}/ingest`, { method: 'POST', headers, body })
    const text = await response.text()
    if (response.status !== 202) return { kind: 'refused', status: response.status }
    const receipt: Receipt = JSON.parse(text)
    const replayed = response.headers.get('idempotency-replayed') === 'true'
    return { kind: 'acknowledged', request: receipt.request_id, replayed }
  } catch {
    return { kind: 'lost' }
  }
}
