import { callbackTenant } from '../../src/core/callback.ts'
import type { Standing } from '../../src/core/verdict.ts'
import type { ClaimedBatch, Settled, Settlement, Store } from '../../src/store/store.ts'

interface WatchedBatch {
  readonly request: string
  readonly tenant: string
  token: number
  standings: readonly (Standing | null)[]
}

/** What must hold after every commit. Every breach is kept as a sentence. */
export class Watch {
  readonly violations: string[] = []
  readonly #store: Store
  #turn: Promise<unknown> = Promise.resolve()
  readonly #batches = new Map<number, WatchedBatch>()
  readonly #finished = new Set<string>()

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
          this.#finishedOnce(settled)
          for (const { tenant, request } of this.#requestsOf(written)) {
            await this.#addsUp(tenant, request)
          }
          await this.#told(settled)
          return settled
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
  #claimed({ id, request, tenant, token, verdicts }: ClaimedBatch): void {
    const before = this.#batches.get(id)
    if (before !== undefined && token <= before.token) {
      this.violations.push(`batch ${id} was claimed with token ${token} after ${before.token}`)
    }
    const standings: (Standing | null)[] = verdicts === null ? [] : JSON.parse(verdicts)
    if (JSON.stringify(before?.standings ?? []) !== JSON.stringify(standings)) {
      this.violations.push(`batch ${id} was claimed with verdicts other than those last written`)
    }
    this.#batches.set(id, { request, tenant, token, standings })
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

  #finishedOnce({ finished }: Settled): void {
    for (const { tenant, id } of finished) {
      const key = `${tenant} ${id}`
      if (this.#finished.has(key)) this.violations.push(`request ${key} finished twice`)
      this.#finished.add(key)
    }
  }

  /** A request that is finished has its callback, in the same commit, if and only if it wants one. */
  async #told({ finished }: Settled): Promise<void> {
    for (const { tenant, id, terms } of finished) {
      const callback = await this.#store.request(callbackTenant(tenant), id)
      if ((callback !== null) !== (terms.callbackUrl !== null)) {
        this.violations.push(`request ${id} of ${tenant} is finished: ${terms.callbackUrl}`)
      }
    }
  }

  #requestsOf(settlements: readonly Settlement[]): Iterable<WatchedBatch> {
    const requests = new Map<string, WatchedBatch>()
    for (const { batch } of settlements) {
      const watched = this.#batches.get(batch)
      if (watched !== undefined) requests.set(`${watched.tenant} ${watched.request}`, watched)
    }
    return requests.values()
  }

  /** Conservation, counted once, and finished if and only if every mapping is final. */
  async #addsUp(tenant: string, id: string): Promise<void> {
    const request = await this.#store.request(tenant, id)
    if (request === null) {
      this.violations.push(`request ${id} is gone`)
      return
    }
    const counted = { completed: 0, failed: 0, cancelled: 0 }
    for (const { request: of, tenant: whose, standings } of this.#batches.values()) {
      if (of !== id || whose !== tenant) continue
      for (const standing of standings) {
        if (standing !== null && standing[0] !== 'pending') counted[standing[0]] += 1
      }
    }
    const { completed, failed, cancelled, total } = request
    const stored = { completed, failed, cancelled }
    if (JSON.stringify(stored) !== JSON.stringify(counted)) {
      this.violations.push(
        `request ${id} says ${JSON.stringify(stored)}, its verdicts ${JSON.stringify(counted)}`,
      )
    }
    const groups = await this.#store.failures(tenant, id)
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
