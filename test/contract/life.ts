/** A model of what must be true of a lane, lived through beside the store itself. */
import { expect } from 'vitest'
import type { Priority } from '../../src/core/mapping.ts'
import type { Request } from '../../src/core/request.ts'
import type { EpochMs } from '../../src/core/units.ts'
import type {
  ClaimedBatch,
  NewRequest,
  NextState,
  Settlement,
  Store,
  Totals,
} from '../../src/store/store.ts'
import { done, type Finals, NOW, unfinished } from '../support/requests.ts'
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
} from './steps.ts'

/** One thing that can happen to a lane. Workers and leases are named by their place. */
export type Step =
  | {
      readonly kind: 'insert'
      readonly total: number
      readonly priority: Priority
      readonly manner: Manner
    }
  | { readonly kind: 'claim'; readonly worker: number; readonly mappings: number }
  /** Settles one of the leases ever given, alive or stale; `more` of its mappings become final. */
  | { readonly kind: 'settle'; readonly lease: number; readonly more: number; readonly next: Next }
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
}

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

  private async insert({ total, priority, manner }: Extract<Step, { kind: 'insert' }>) {
    const options = { total, priority, lane: this.lane, batchSize: 4 }
    switch (manner) {
      case 'whole':
        this.requests.push(await inserted(this.store, options))
        return
      case 'early': {
        const terms = { notBefore: this.now + SECOND }
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
      const { completed, failed, startedAt, finishedAt } = await audited(this.store, request)
      expect({ completed, failed, started: startedAt !== null, finishedAt }).toEqual({
        completed: sum(batches.map(({ finals }) => finals.completed)),
        failed: sum(batches.map(({ finals }) => finals.failed)),
        started: batches.length > 0,
        finishedAt: this.finishes.get(request.id) ?? null,
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
    await this.claim(this.worker(0), 1_000_000)
    for (const { lease, state } of this.batches.values()) {
      if (state === 'leased') await this.settle(lease, 0, 'done')
    }
    await this.check()
    expect(this.finishes.size).toBe(this.requests.length)
    expect(await this.store.totals()).toEqual(this.before)
    for (const worker of this.workers) await this.store.leave(worker)
  }

  private async claim(worker: string, mappings: number): Promise<void> {
    const { lane, now } = this
    for (const lease of await claimed(this.store, { lane, worker, mappings, now })) {
      const known = this.batches.get(lease.id)
      expect(known?.state).not.toBe('leased')
      expect(known?.state).not.toBe('done')
      expect(lease.token).toBeGreaterThan(known?.lease.token ?? 0)
      expect(lease.rescues).toBe(known?.rescues ?? 0)
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
      })
      this.leases.push(lease)
    }
  }

  private async settleOne({ lease, more, next }: Extract<Step, { kind: 'settle' }>) {
    const chosen = this.leases[lease % this.leases.length]
    if (chosen !== undefined) await this.settle(chosen, more, next)
  }

  private async settle(lease: ClaimedBatch, more: number, next: Next): Promise<void> {
    const known = this.batches.get(lease.id)
    if (known === undefined) throw new Error('only what was claimed can be settled')
    const current = known.state === 'leased' && known.lease.token === lease.token
    const settlement = this.settlement(lease, known.finals.completed + more, next)
    const { refused, finished } = await this.store.settle([settlement], this.now)
    expect(refused).toEqual(current ? [] : [lease.id])
    if (!current) return expect(finished).toEqual([])
    const { completed, failed, cancelled } = settlement
    known.finals = { completed, failed, cancelled }
    known.state = next
    known.runAt = this.now + SECOND
    this.expectFinished(known.request, finished)
  }

  private settlement(lease: ClaimedBatch, wanted: number, next: Next): Settlement {
    const { count } = lease.ordinals
    const completed = Math.min(wanted, count)
    if (next === 'done') return done(lease, { failed: count - completed })
    const runAt = this.now + SECOND
    return unfinished(lease, next === 'waiting' ? { state: next, runAt } : { state: next }, {
      completed,
    })
  }

  private expectFinished(id: string, finished: readonly Request[]): void {
    const request = only(this.requests.filter((request) => request.id === id))
    const ended = this.batchesOf(request).filter(({ state }) => state === 'done')
    const all = sum(ended.map(({ lease }) => lease.ordinals.count)) === request.total
    expect(finished.map((request) => request.id)).toEqual(all ? [id] : [])
    if (all) this.finishes.set(id, this.now)
  }

  private async die(worker: string, survivor: string): Promise<void> {
    this.now += 20 * SECOND
    await this.store.beat(survivor, this.deadline(), this.now, 0)
    const { rescued, repaired } = await this.store.sweep(this.now, 0)
    expect(repaired).toEqual([])
    const held = this.heldBy(worker)
    expect(rescued).toContainEqual({ worker, batches: held.length })
    for (const batch of held) batch.rescues += 1
    await this.rejoin(worker)
  }

  private async leave(worker: string): Promise<void> {
    await this.store.leave(worker)
    await this.rejoin(worker)
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

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
