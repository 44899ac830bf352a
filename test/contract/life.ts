/** A model of what must be true of a lane, lived through beside the store itself. */
import { expect } from 'vitest'
import { addFailure, type FailureRun } from '../../src/core/failures.ts'
import type { Priority } from '../../src/core/mapping.ts'
import type { Closing, Request } from '../../src/core/request.ts'
import type { DurationMs, EpochMs } from '../../src/core/units.ts'
import type {
  ClaimedBatch,
  NewRequest,
  NextState,
  Settlement,
  Store,
  Totals,
} from '../../src/store/store.ts'
import { done, ERROR, type Finals, NOW, unfinished } from '../support/requests.ts'
import { closedAll } from './cancel.ts'
import {
  audited,
  claimed,
  cleared,
  inserted,
  only,
  received,
  released,
  SECOND,
  staged,
  swept,
} from './steps.ts'

/** One thing that can happen to a lane. Requests, workers and leases are named by their place. */
export type Step =
  | {
      readonly kind: 'insert'
      readonly total: number
      readonly priority: Priority
      readonly manner: Manner
      /** Null for as long as it takes. */
      readonly expiresIn: DurationMs | null
    }
  | { readonly kind: 'cancel'; readonly request: number }
  /** Closes what is to be closed: what a worker does all the time. */
  | { readonly kind: 'close' }
  | { readonly kind: 'claim'; readonly worker: number; readonly mappings: number }
  /** Settles one of the leases ever given, alive or stale: so many more of its mappings are final. */
  | {
      readonly kind: 'settle'
      readonly lease: number
      readonly completing: number
      readonly failing: number
      readonly next: Next
    }
  | { readonly kind: 'die'; readonly worker: number }
  | { readonly kind: 'leave'; readonly worker: number }
  | { readonly kind: 'wait' }

/** How a request comes: at once, before its time, in pieces, or in pieces that stop coming. */
export type Manner = 'whole' | 'early' | 'pieces' | 'interrupted'

export type Next = NextState['state']

/** What the model knows of a batch that was claimed at least once. */
interface Known {
  readonly request: string
  finals: Required<Finals>
  state: Next
  lease: ClaimedBatch
  worker: string
  rescues: number
  runAt: EpochMs
  /** How many had failed when it was claimed last. */
  failedBefore: number
  /** How many were open when it was ended because its request was closed. */
  ended: number
}

/** What the model knows of a request that was closed. */
interface Closed {
  readonly as: Closing
  /** How many of its mappings were never claimed. */
  readonly unclaimed: number
}

type Progress = Omit<Extract<Step, { kind: 'settle' }>, 'kind' | 'lease'>

/** One random life of a lane and its two workers, beside a model of what must be true of it. */
export class Life {
  private now = NOW
  private readonly store: Store
  private readonly lane: string
  private readonly workers: readonly string[]
  private readonly requests: NewRequest[] = []
  private readonly interrupted: NewRequest[] = []
  private readonly leases: ClaimedBatch[] = []
  private readonly batches = new Map<number, Known>()
  private before: Totals = { activeRequests: 0, openMappings: 0 }
  private readonly finishes = new Map<string, EpochMs>()
  private readonly closed = new Map<string, Closed>()

  constructor(store: Store, lane: string) {
    this.store = store
    this.lane = lane
    this.workers = [`${lane}-worker-0`, `${lane}-worker-1`]
  }

  async start(): Promise<void> {
    this.before = await this.store.totals()
    for (const worker of this.workers) await this.join(worker)
  }

  async take(step: Step): Promise<void> {
    switch (step.kind) {
      case 'insert':
        return this.insert(step)
      case 'cancel':
        return this.cancel(step.request)
      case 'close':
        return this.close()
      case 'claim':
        return this.claim(this.worker(step.worker), step.mappings)
      case 'settle':
        return this.settleOne(step)
      case 'die':
        return this.die(this.worker(step.worker), this.worker(1 - step.worker))
      case 'leave':
        return this.leave(this.worker(step.worker))
      case 'wait':
        this.now += SECOND
        await released(this.store, this.now)
    }
  }

  private async insert(step: Extract<Step, { kind: 'insert' }>) {
    const { total, priority, manner, expiresIn } = step
    const expiresAt = expiresIn === null ? null : this.now + expiresIn
    const options = { total, priority, terms: { expiresAt }, lane: this.lane, batchSize: 4 }
    switch (manner) {
      case 'whole':
        this.requests.push(await inserted(this.store, options))
        return
      case 'early': {
        const terms = { expiresAt, notBefore: this.now + SECOND }
        this.requests.push(await inserted(this.store, { ...options, terms }))
        return
      }
      case 'pieces':
        this.requests.push(await received(this.store, options))
        await released(this.store, this.now)
        return
      case 'interrupted':
        this.interrupted.push(await staged(this.store, options))
    }
  }

  /** Every request's counters, state and times are what its batches make them. */
  async check(): Promise<void> {
    for (const request of this.requests) {
      const batches = this.batchesOf(request)
      const closed = this.closed.get(request.id)
      const open = this.endedOf(request)
      const expired = closed?.as === 'expired' ? open : 0
      const found = await audited(this.store, request)
      const { completed, failed, cancelled, startedAt, finishedAt, closing } = found
      const started = startedAt !== null
      expect({ completed, failed, cancelled, started, finishedAt, closing }).toEqual({
        completed: sum(batches.map(({ finals }) => finals.completed)),
        failed: expired + sum(batches.map(({ finals }) => finals.failed)),
        cancelled: closed?.as === 'cancelled' ? open : 0,
        started: batches.length > 0,
        finishedAt: this.finishes.get(request.id) ?? null,
        closing: closed?.as ?? null,
      })
      const groups = await this.store.failures(request.tenant, request.id)
      expect(Object.fromEntries(groups.map(({ code, count }) => [code, count]))).toEqual({
        ...failuresOf(batches),
        ...(expired > 0 && { expired }),
      })
    }
    for (const { tenant, id } of this.interrupted) {
      expect(await this.store.request(tenant, id)).toBeNull()
    }
  }

  /** Carries out what is left, and sees that all of it comes to an end. */
  async end(): Promise<void> {
    this.now += SECOND
    await released(this.store, this.now)
    for (const request of this.interrupted) await this.store.abandon(request)
    await cleared(this.store)
    for (const worker of this.workers) await this.leave(worker)
    await this.close()
    await this.claim(this.worker(0), 1_000_000)
    for (const { lease, state } of this.batches.values()) {
      if (state === 'leased') await this.settle(lease, { completing: 0, failing: 0, next: 'done' })
    }
    await this.check()
    expect(this.finishes.size).toBe(this.requests.length)
    expect(await this.store.totals()).toEqual(this.before)
    for (const worker of this.workers) await this.store.leave(worker)
  }

  private async cancel(place: number): Promise<void> {
    const request = this.requests[place % this.requests.length]
    if (request === undefined) return
    const { tenant, id } = request
    const closed = this.closed.get(id)
    const isOver = this.finishes.has(id) && closed?.as !== 'cancelled'
    const kind = isOver ? 'finished' : closed === undefined ? 'closed' : 'unchanged'
    expect((await this.store.cancel(tenant, id, this.now)).kind).toBe(kind)
    if (kind !== 'closed') return
    this.endBatches(request, 'cancelled')
    if (this.isOver(request)) this.finishes.set(id, this.now)
  }

  private async close(): Promise<void> {
    const unfinished = this.requests.filter(({ id }) => !this.finishes.has(id))
    for (const request of unfinished) {
      const { id, terms } = request
      const isOver = terms.expiresAt !== null && terms.expiresAt <= this.now
      const as = this.closed.get(id)?.as ?? (isOver ? 'expired' : null)
      if (as !== null) this.endBatches(request, as)
    }
    const finished = unfinished.filter((request) => this.isOver(request))
    for (const { id } of finished) this.finishes.set(id, this.now)
    const told = (await closedAll(this.store, this.now)).map(({ id }) => id)
    expect(new Set(told)).toEqual(new Set(finished.map(({ id }) => id)))
  }

  private async claim(worker: string, mappings: number): Promise<void> {
    const { lane, now } = this
    for (const lease of await claimed(this.store, { lane, worker, mappings, now })) {
      const known = this.batches.get(lease.id)
      expect(known?.state).not.toBe('leased')
      expect(known?.state).not.toBe('done')
      expect(lease.token).toBeGreaterThan(known?.lease.token ?? 0)
      expect(lease.rescues).toBe(known?.rescues ?? 0)
      expect(this.closed.has(lease.request)).toBe(false)
      if (known?.state === 'waiting') expect(known.runAt).toBeLessThanOrEqual(now)
      const { request, rescues } = lease
      const finals = known?.finals ?? { completed: 0, failed: 0, cancelled: 0 }
      this.batches.set(lease.id, {
        request,
        rescues,
        finals,
        lease,
        worker,
        state: 'leased',
        runAt: 0,
        failedBefore: finals.failed,
        ended: 0,
      })
      this.leases.push(lease)
    }
  }

  private async settleOne(step: Extract<Step, { kind: 'settle' }>) {
    const chosen = this.leases[step.lease % this.leases.length]
    if (chosen !== undefined) await this.settle(chosen, step)
  }

  private async settle(lease: ClaimedBatch, progress: Progress): Promise<void> {
    const { next } = progress
    const known = this.batches.get(lease.id)
    if (known === undefined) throw new Error('only what was claimed can be settled')
    const current = known.state === 'leased' && known.lease.token === lease.token
    const settlement = this.settlement(lease, known, progress)
    const { refused, finished } = await this.store.settle([settlement], this.now)
    expect(refused).toEqual(current ? [] : [lease.id])
    if (!current) return expect(finished).toEqual([])
    const { completed, failed, cancelled } = settlement
    known.finals = { completed, failed, cancelled }
    known.state = next
    known.runAt = this.now + SECOND
    if (this.closed.has(known.request)) endIfUnheld(known)
    this.expectFinished(known.request, finished)
  }

  private settlement(lease: ClaimedBatch, known: Known, progress: Progress): Settlement {
    const { completing, failing, next } = progress
    const { count } = lease.ordinals
    const completed = Math.min(known.finals.completed + completing, count - known.finals.failed)
    const open = count - completed
    const failed = next === 'done' ? open : Math.min(known.finals.failed + failing, open)
    const failures: FailureRun[] = []
    for (let place = known.failedBefore; place < failed; place += 1) {
      addFailure(failures, '', { ...ERROR, code: codeOf(lease.id, place) })
    }
    if (next === 'done') return { ...done(lease, { failed }), failures }
    const runAt = this.now + SECOND
    const state = next === 'waiting' ? { state: next, runAt } : { state: next }
    return { ...unfinished(lease, state, { completed, failed }), failures }
  }

  private expectFinished(id: string, finished: readonly Request[]): void {
    const over = this.isOver(only(this.requests.filter((request) => request.id === id)))
    expect(finished.map((request) => request.id)).toEqual(over ? [id] : [])
    if (over) this.finishes.set(id, this.now)
  }

  /** Whether no batch of a request is open any more. */
  private isOver(request: NewRequest): boolean {
    const done = this.batchesOf(request).filter(({ state }) => state === 'done')
    const unclaimed = this.closed.get(request.id)?.unclaimed ?? 0
    return unclaimed + sum(done.map(({ lease }) => lease.ordinals.count)) === request.total
  }

  /** Ends the batches of a request that nobody has in hand. */
  private endBatches(request: NewRequest, as: Closing): void {
    const batches = this.batchesOf(request)
    const claimed = sum(batches.map(({ lease }) => lease.ordinals.count))
    const { id, total } = request
    if (!this.closed.has(id)) this.closed.set(id, { as, unclaimed: total - claimed })
    for (const batch of batches) endIfUnheld(batch)
  }

  /** How many mappings of a request were open when their batches were ended. */
  private endedOf(request: NewRequest): number {
    const unclaimed = this.closed.get(request.id)?.unclaimed ?? 0
    return unclaimed + sum(this.batchesOf(request).map(({ ended }) => ended))
  }

  private async die(worker: string, survivor: string): Promise<void> {
    this.now += 20 * SECOND
    await this.store.beat(survivor, this.deadline(), this.now, 0)
    const { rescued, repaired } = await swept(this.store, this.now, 0)
    expect(repaired).toEqual([])
    const held = this.heldBy(worker)
    expect(rescued).toContainEqual({ worker, batches: held.length })
    for (const batch of held) batch.rescues += 1
    await this.rejoin(worker)
    await this.close()
  }

  private async leave(worker: string): Promise<void> {
    await this.store.leave(worker)
    await this.rejoin(worker)
    for (const each of this.workers) await this.store.beat(each, this.deadline(), this.now, 0)
    expect((await swept(this.store, this.now, 0)).repaired).toEqual([])
    await this.close()
  }

  private async rejoin(worker: string): Promise<void> {
    for (const batch of this.heldBy(worker)) batch.state = 'ready'
    await this.join(worker)
  }

  private join(worker: string): Promise<void> {
    return this.store.join({ id: worker, host: 'here' }, this.deadline())
  }

  private deadline(): EpochMs {
    return this.now + 15 * SECOND
  }

  private worker(index: number): string {
    return this.workers[index] ?? ''
  }

  private heldBy(worker: string): readonly Known[] {
    return [...this.batches.values()].filter(
      (batch) => batch.state === 'leased' && batch.worker === worker,
    )
  }

  private batchesOf({ id }: NewRequest): readonly Known[] {
    return [...this.batches.values()].filter(({ request }) => request === id)
  }
}

/** Ends a batch, if it is open and in nobody's hands. */
function endIfUnheld(batch: Known): void {
  if (batch.state !== 'ready' && batch.state !== 'waiting') return
  const { completed, failed, cancelled } = batch.finals
  batch.ended = batch.lease.ordinals.count - completed - failed - cancelled
  batch.state = 'done'
}

/** The code of a batch's n-th failure: a batch has several, and batches share them. */
function codeOf(batch: number, place: number): string {
  return `code-${(batch + Math.floor(place / 2)) % 3}`
}

/** How many mappings of these batches failed with each code. */
function failuresOf(batches: readonly Known[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const { lease, finals } of batches) {
    for (let place = 0; place < finals.failed; place += 1) {
      const code = codeOf(lease.id, place)
      counts[code] = (counts[code] ?? 0) + 1
    }
  }
  return counts
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
