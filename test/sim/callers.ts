import { NO_TERMS } from '../../src/core/request.ts'
import { resultsOf } from '../../src/core/results.ts'
import type { DurationMs, EpochMs, Random } from '../../src/core/units.ts'
import type { CallbackPolicy } from '../../src/intake/callback.ts'
import { retry } from '../../src/intake/retry.ts'
import type { SystemCatalogue } from '../../src/intake/systems.ts'
import type { Clock } from '../../src/lib/clock.ts'
import type { NewRequest, Store } from '../../src/store/store.ts'

/** How soon, where nothing goes wrong, nothing more of a request starts that is cancelled, or over. */
const CLOSED_WITHIN_MS: DurationMs = 1500
const EXPIRED_WITHIN_MS: DurationMs = 3000

const UNSIGNED: CallbackPolicy = { areSigned: false, addressFault: () => null }
const DEMO: SystemCatalogue = { mode: 'demo', has: () => true, reads: () => false, names: [] }
const ALL = { from: 0, to: Number.MAX_SAFE_INTEGER, reaching: 0, state: null }

/** A request that is there, and since when. */
export interface Known extends Pick<NewRequest, 'id' | 'total' | 'terms'> {
  readonly since: EpochMs
}

export interface CallersPorts {
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly newId: () => string
  /** All there are; what is tried again joins them. */
  readonly requests: Known[]
  readonly violations: string[]
}

/** What callers do to requests that are there: they cancel some, and have some tried again. */
export class Callers {
  readonly #ports: CallersPorts
  readonly #cancelledAt = new Map<string, EpochMs>()
  readonly #retried = new Set<string>()
  #busy = false

  constructor(ports: CallersPorts) {
    this.#ports = ports
  }

  /** Something is under way, of which a request may come. */
  get busy(): boolean {
    return this.#busy
  }

  /** Does one thing to one of them. */
  async act(): Promise<void> {
    const { requests, random } = this.#ports
    const request = requests[Math.floor(random() * requests.length)]
    if (request === undefined) return
    this.#busy = true
    await (random() < 0.4 ? this.#cancel(request.id) : this.#retry(request.id))
    this.#busy = false
  }

  /** Where nothing goes wrong: that what is closed is so at once. */
  async check(
    { id, terms, since }: Known,
    calls: readonly { readonly at: EpochMs }[],
  ): Promise<void> {
    const { store, violations } = this.#ports
    const latest = Math.max(0, ...calls.map(({ at }) => at))
    const cancelledAt = this.#cancelledAt.get(id)
    if (cancelledAt !== undefined && latest > cancelledAt + CLOSED_WITHIN_MS) {
      violations.push(`${id} was cancelled at ${cancelledAt}, and called for at ${latest}`)
    }
    if (terms.expiresAt === null) return
    const over = Math.max(terms.expiresAt, since) + EXPIRED_WITHIN_MS
    if (latest > over) violations.push(`${id} was over at ${terms.expiresAt}, called at ${latest}`)
    const request = await store.request('default', id)
    if ((request?.finishedAt ?? 0) > over && request?.closing === null) {
      violations.push(`${id} was over at ${terms.expiresAt}, and nobody noticed`)
    }
  }

  async #cancel(id: string): Promise<void> {
    const { store, clock } = this.#ports
    const now = clock.now()
    const { kind } = await store.cancel('default', id, now)
    if (kind === 'closed') this.#cancelledAt.set(id, now)
  }

  async #retry(id: string): Promise<void> {
    const { store, clock, newId, requests, violations } = this.#ports
    const first = await store.request('default', id)
    if (first === null || this.#retried.has(id)) return
    const limits = { maxMappings: 1_000_000, batchSize: 5 }
    const ports = { store, systems: DEMO, callbacks: UNSIGNED, clock, newId, limits }
    const made = await retry(first, { code: null, target: null }, null, ports)
    if (made.kind !== 'accepted') return
    this.#retried.add(id)
    const terms = { ...NO_TERMS, callbackUrl: first.terms.callbackUrl, retryOf: id }
    requests.push({ id: made.request, total: made.total, terms, since: clock.now() })
    const [left, taken] = [await this.#ids(id, true), await this.#ids(made.request, false)]
    if (JSON.stringify(left) !== JSON.stringify(taken)) {
      violations.push(`${made.request} is not what was left of ${id}, in its order`)
    }
  }

  /** The ids of a request's mappings, in order; of all, or of those that failed or were cancelled. */
  async #ids(id: string, onlyLeft: boolean): Promise<readonly string[]> {
    const { batches } = await this.#ports.store.batches('default', id, ALL)
    const results = batches.flatMap((batch) => resultsOf(batch, ALL))
    return results
      .filter(({ state }) => !onlyLeft || state === 'failed' || state === 'cancelled')
      .sort((a, b) => a.ordinal - b.ordinal)
      .map((result) => result.id)
  }
}
