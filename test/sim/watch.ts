import { standingOf } from '../../src/core/closed.ts'
import type { Request } from '../../src/core/request.ts'
import type { Standing } from '../../src/core/verdict.ts'
import type { ClaimedBatch, Settlement, Store } from '../../src/store/store.ts'

interface WatchedBatch {
  readonly request: string
  token: number
  standings: readonly (Standing | null)[]
}

/** What must hold after every commit. Every breach is kept as a sentence. */
export class Watch {
  readonly violations: string[] = []
  readonly #store: Store
  #turn: Promise<unknown> = Promise.resolve()
  readonly #batches = new Map<number, WatchedBatch>()
  /** The same, by their requests and first ordinals. */
  readonly #byFirst = new Map<string, WatchedBatch>()
  readonly #finished = new Set<string>()
  /** Requests that were closed: nothing of them may be claimed any more. */
  readonly #closed = new Set<string>()

  constructor(store: Store) {
    this.#store = store
  }

  /** The same store, watched. All nodes must go through it. */
  get store(): Store {
    return {
      ...this.#store,
      claim: (worker, wants, now) =>
        this.#alone(async () => {
          const claim = await this.#store.claim(worker, wants, now)
          for (const batch of claim.batches) this.#claimed(batch)
          return claim
        }),
      settle: (settlements, now) =>
        this.#alone(async () => {
          const settled = await this.#store.settle(settlements, now)
          const refused = new Set(settled.refused)
          const written = settlements.filter(({ batch }) => !refused.has(batch))
          for (const settlement of lastOfEach(written)) this.#written(settlement)
          this.#finishedOnce(settled.finished)
          const requests = new Set(written.map(({ batch }) => this.#batches.get(batch)?.request))
          for (const request of requests) if (request !== undefined) await this.#addsUp(request)
          return settled
        }),
      cancel: (tenant, id, now) =>
        this.#alone(async () => {
          const cancelled = await this.#store.cancel(tenant, id, now)
          if (cancelled.kind !== 'closed') return cancelled
          const { request } = cancelled
          this.#closed.add(id)
          if (request.finishedAt !== null) this.#finishedOnce([request])
          await this.#addsUp(id)
          return cancelled
        }),
      closeSome: (now) =>
        this.#alone(async () => {
          const some = await this.#store.closeSome(now)
          for (const { id } of some.expired) this.#closed.add(id)
          this.#finishedOnce(some.finished)
          for (const id of this.#closed) if (!this.#finished.has(id)) await this.#addsUp(id)
          for (const { id } of some.finished) await this.#addsUp(id)
          return some
        }),
    }
  }

  /** Nothing is committed between a commit and the look at what it did. */
  #alone<T>(call: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(call)
    this.#turn = done.catch(() => {})
    return done
  }

  /** Fencing: a token rises at every claim. */
  #claimed({ id, request, token, verdicts, ordinals: { first } }: ClaimedBatch): void {
    const before = this.#batches.get(id)
    if (this.#closed.has(request)) {
      this.violations.push(`batch ${id} was claimed after its request was closed`)
    }
    if (before !== undefined && token <= before.token) {
      this.violations.push(`batch ${id} was claimed with token ${token} after ${before.token}`)
    }
    const standings: (Standing | null)[] = verdicts === null ? [] : JSON.parse(verdicts)
    if (JSON.stringify(before?.standings ?? []) !== JSON.stringify(standings)) {
      this.violations.push(`batch ${id} was claimed with verdicts other than those last written`)
    }
    const watched = { request, token, standings }
    this.#batches.set(id, watched)
    this.#byFirst.set(`${request}:${first}`, watched)
  }

  /** Fencing: only the last claim may write. Settled never changes. */
  #written({ batch, token, verdicts }: Settlement): void {
    const known = this.#batches.get(batch)
    if (known === undefined || known.token !== token) {
      this.violations.push(`batch ${batch} took a write with token ${token}, not ${known?.token}`)
    }
    if (known === undefined || verdicts === null) return
    const standings: (Standing | null)[] = JSON.parse(verdicts)
    for (const [position, before] of known.standings.entries()) {
      if (!isFinal(before)) continue
      if (JSON.stringify(before) === JSON.stringify(standings[position])) continue
      this.violations.push(`mapping ${position} of batch ${batch} changed after it was settled`)
    }
    known.standings = standings
  }

  #finishedOnce(finished: readonly Request[]): void {
    for (const { id } of finished) {
      if (this.#finished.has(id)) this.violations.push(`request ${id} finished twice`)
      this.#finished.add(id)
    }
  }

  /** Where mappings stand, by the verdicts that were written, and by how their batches were ended. */
  async #standings(id: string): Promise<readonly Standing[]> {
    if (!this.#closed.has(id)) {
      const watched = [...this.#batches.values()].filter(({ request }) => request === id)
      return watched.flatMap(({ standings }) => standings.map((known) => standingOf(known, null)))
    }
    const { batches } = await this.#store.batches('default', id, ALL)
    return batches.flatMap(({ ordinals: { first, count }, closed }) => {
      const known = this.#byFirst.get(`${id}:${first}`)?.standings ?? []
      return Array.from({ length: count }, (_, position) =>
        standingOf(known[position] ?? null, closed),
      )
    })
  }

  /** Conservation, counted once, and finished if and only if every mapping is final. */
  async #addsUp(id: string): Promise<void> {
    const request = await this.#store.request('default', id)
    if (request === null) {
      this.violations.push(`request ${id} is gone`)
      return
    }
    const counted = { completed: 0, failed: 0, cancelled: 0 }
    for (const [state] of await this.#standings(id)) if (state !== 'pending') counted[state] += 1
    const { completed, failed, cancelled, total } = request
    const stored = { completed, failed, cancelled }
    if (JSON.stringify(stored) !== JSON.stringify(counted)) {
      this.violations.push(
        `request ${id} says ${JSON.stringify(stored)}, its verdicts ${JSON.stringify(counted)}`,
      )
    }
    const groups = await this.#store.failures('default', id)
    const grouped = groups.reduce((sum, { count }) => sum + count, 0)
    if (grouped !== failed) {
      this.violations.push(`request ${id} says ${failed} failed, its groups ${grouped}`)
    }
    const done = completed + failed + cancelled === total
    if (done !== (request.finishedAt !== null)) {
      this.violations.push(`request ${id}: done is ${done}, finished ${request.finishedAt}`)
    }
  }
}

const ALL = { from: 0, to: Number.MAX_SAFE_INTEGER, reaching: 0, state: null }

export function isFinal(standing: Standing | null | undefined): boolean {
  return standing != null && standing[0] !== 'pending'
}

/** What one commit leaves: a group may write a batch twice, and be written again after a lost reply. */
function lastOfEach(settlements: readonly Settlement[]): Iterable<Settlement> {
  const last = new Map<number, Settlement>()
  for (const settlement of settlements) {
    const { batch, verdicts } = settlement
    last.set(batch, { ...settlement, verdicts: verdicts ?? last.get(batch)?.verdicts ?? null })
  }
  return last.values()
}
