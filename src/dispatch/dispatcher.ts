/**
 * One worker: claims batches, has their mappings delivered, settles them. Its invariants:
 *
 * 1. A mapping is under way in at most one lease, and starts only in a lease whose worker is alive.
 * 2. Every lease taken is ended in one of three ways: settled, refused as stale, or dropped with the
 *    worker that held it, whom the store then gives up.
 * 3. What was delivered is written before its lease is forgotten; a store that is away is waited for.
 * 4. Calls start in order of rank within a lane, save that every eighth goes to the oldest batch.
 * 5. A call has a turn of its system's limiter. A lane whose gate is closed starts none.
 * 6. No lane waits for another: they share the claim, and nothing else.
 * 7. After `stop` has resolved nothing is under way, and nothing is leased to this worker.
 */

import { decide } from '../core/decide.ts'
import type { Limits } from '../core/limits.ts'
import type { Outcome } from '../core/outcome.ts'
import type { RetryPolicy } from '../core/retry.ts'
import type { DurationMs, EpochMs, Random } from '../core/units.ts'
import type { Deliver, Step, Turns } from '../deliver/deliver.ts'
import type { Cancel, Clock } from '../lib/clock.ts'
import type { Emit } from '../observe/events.ts'
import type { Claim, ClaimedBatch, DispatchStore, NextState } from '../store/store.ts'
import { Claimer } from './claimer.ts'
import { Gates } from './gates.ts'
import { Isolation } from './isolation.ts'
import { Lane } from './lane.ts'
import { Lease } from './lease.ts'
import { Limiter, type Part } from './limiter.ts'
import { Membership } from './membership.ts'
import { Settler } from './settler.ts'
import { Sweeper } from './sweeper.ts'

/** A crash repeats about this much of a batch's calls, whatever the batch's size. */
const CHECKPOINT_EVERY_MS: DurationMs = 1000

/** What a worker must know of a system to deal with it. */
export interface SystemRules {
  readonly limits: Limits
  readonly retry: RetryPolicy
  /** How many mappings one call to it may hold. */
  readonly together: number
}

export interface DispatcherPorts {
  readonly store: DispatchStore
  readonly deliver: Deliver
  readonly rules: (system: string) => SystemRules
  readonly clock: Clock
  readonly random: Random
  readonly newId: () => string
  readonly emit: Emit
  readonly host: string
  /** How long finished requests are kept. */
  readonly retention: DurationMs
}

/** One worker, from `start` to `stop`; the invariants above hold in between. */
export class Dispatcher {
  readonly #ports: DispatcherPorts
  readonly #membership: Membership
  readonly #settler: Settler
  readonly #claimer: Claimer
  readonly #gates: Gates
  readonly #sweeper: Sweeper
  readonly #isolation = new Isolation()
  readonly #lanes = new Map<string, Lane>()
  readonly #limiters = new Map<string, Limiter>()
  readonly #leases = new Map<number, Lease>()
  readonly #turns: Turns
  #part: Part | null = null
  #calls = new AbortController()
  #tick: Cancel = () => {}
  #stopping = false
  #onQuiet = () => {}

  constructor(ports: DispatcherPorts) {
    const { store, clock, emit, retention } = ports
    this.#ports = ports
    this.#membership = new Membership(
      ports,
      (part) => this.#assign(part),
      () => [...this.#limiters.values()].every(({ fits }) => fits),
      () => this.#drop(),
    )
    this.#settler = new Settler(store, clock, emit, ({ batch: id, token }) =>
      this.#forget({ id, token }),
    )
    this.#sweeper = new Sweeper(store, clock, emit, retention)
    this.#claimer = new Claimer({
      store,
      clock,
      emit,
      worker: () => (this.#stopping ? null : this.#membership.id),
      lane: (name) => this.#lane(name),
      lanes: () => this.#lanes.values(),
      held: () => [...this.#leases.keys()],
      onClaim: (worker, claim) => this.#accept(worker, claim),
    })
    this.#gates = new Gates({
      store,
      clock,
      emit,
      stop: (lane) => this.#stopLane(lane),
      wakeAt: (lane, at) => this.#claimer.wakeAt(lane, at),
    })
    this.#turns = {
      take: (system, step) => {
        const turn = this.#limiter(system).take()
        return turn === null
          ? this.#mayCall(system, step)
          : turn.then(() => this.#mayCall(system, step))
      },
      give: (system, step, answer) => {
        const lane = this.#lanes.get(system)
        const isWrite = step === 'write' && answer.kind !== 'record'
        if (lane !== undefined && isWrite) this.#gates.hear(lane, answer)
        this.#limiter(system).give()
        // A mapping that was written is judged first; then it starts the next one itself.
        if (lane !== undefined && !isWrite) this.#pump(lane)
      },
    }
  }

  /** Resolves when this worker is known to the store, or is waiting for a store that is away. */
  async start(): Promise<void> {
    await this.#membership.start()
    this.#claimer.start()
    this.#sweeper.start()
    this.#checkpointLater()
  }

  /**
   * Starts nothing more, lets the calls under way end until `deadline`, ends the others, writes what
   * is known and gives back the rest, unblamed.
   */
  async stop(deadline: EpochMs): Promise<void> {
    this.#stopping = true
    this.#claimer.stop()
    this.#sweeper.stop()
    this.#tick()
    const { clock } = this.#ports
    const giveUp = clock.after(deadline - clock.now(), () => this.#calls.abort())
    for (const lane of this.#lanes.values()) this.#stopLane(lane)
    await this.#quiet()
    giveUp()
    await this.#settler.written()
    await this.#membership.stop()
  }

  #lane(name: string): Lane {
    const known = this.#lanes.get(name)
    if (known !== undefined) return known
    const { together } = this.#ports.rules(name)
    const lane = new Lane(name, this.#limiter(name), this.#isolation, together)
    this.#lanes.set(name, lane)
    return lane
  }

  #limiter(system: string): Limiter {
    const known = this.#limiters.get(system)
    if (known !== undefined) return known
    const { rules, clock } = this.#ports
    const limiter = new Limiter(rules(system).limits, clock, () => {
      const lane = this.#lanes.get(system)
      if (lane !== undefined) this.#pump(lane)
    })
    limiter.assign(this.#part)
    this.#limiters.set(system, limiter)
    return limiter
  }

  #assign(part: Part | null): void {
    this.#part = part
    for (const limiter of this.#limiters.values()) limiter.assign(part)
    this.#claimer.consider()
  }

  #accept(worker: string, { batches, closed }: Claim): void {
    const now = this.#ports.clock.now()
    for (const { lane: name, gate } of closed) this.#gates.heed(this.#lane(name), gate.until)
    if (worker !== this.#membership.id) return
    const touched = new Set<Lane>()
    for (const batch of batches) {
      const lane = this.#lane(batch.lane)
      const lease = new Lease(batch, now)
      if (lease.isolated) this.#condemn(lease, now)
      if (batch.probe) lane.probing = true
      // What was on its way while the gate closed goes back: a probe must find nothing else in hand.
      if (this.#stopping || now < lane.closedUntil) lease.stop()
      this.#leases.set(batch.id, lease)
      lane.add(lease)
      touched.add(lane)
      if (lease.ended) this.#end(lane, lease)
    }
    for (const lane of touched) this.#pump(lane)
  }

  /** Time may have passed since the call was thought of: what held then may hold no more. */
  #mayCall(system: string, step: Step): boolean {
    const now = this.#ports.clock.now()
    // A worker that is no longer alive has aborted its calls when this returns.
    if (!this.#membership.checkAlive(now)) return false
    const lane = this.#lanes.get(system)
    return step === 'read' || lane === undefined || now >= lane.closedUntil
  }

  #pump(lane: Lane): void {
    const { clock } = this.#ports
    for (let now = clock.now(); lane.open(now); now = clock.now()) {
      if (!this.#membership.checkAlive(now)) break
      const started = lane.start()
      if (started === null) break
      const { lease, position } = started
      void (lease.isolated
        ? this.#carryOutAlone(lane, lease, position)
        : this.#carryOut(lane, lease, position, now))
    }
    this.#claimer.considerLane(lane)
  }

  async #carryOut(lane: Lane, lease: Lease, position: number, began: EpochMs): Promise<void> {
    const { request } = lease.batch
    const task = { request, ordinal: lease.ordinal(position), mapping: lease.mapping(position) }
    const outcome = await this.#ports.deliver(task, this.#turns, this.#calls.signal)
    lane.inFlight -= 1
    if (this.#isHeld(lease)) {
      this.#judge(lane, lease, position, outcome, began)
      if (lease.ended) this.#end(lane, lease)
    }
    this.#pump(lane)
    if (this.#stopping) this.#onQuiet()
  }

  async #carryOutAlone(lane: Lane, lease: Lease, position: number): Promise<void> {
    const { clock } = this.#ports
    this.#isolation.enter()
    lease.spend(position, clock.now())
    await this.#settler.write(lease.checkpoint())
    if (this.#isHeld(lease)) await this.#carryOut(lane, lease, position, clock.now())
    else lane.inFlight -= 1
    if (lease.changed && this.#isHeld(lease)) await this.#settler.write(lease.checkpoint())
    else await this.#settler.written()
    this.#isolation.leave()
    for (const each of this.#lanes.values()) this.#pump(each)
  }

  #judge(lane: Lane, lease: Lease, position: number, outcome: Outcome, began: EpochMs): void {
    const { clock, random, rules } = this.#ports
    const now = clock.now()
    const before = lease.attempts(position) - (lease.isolated ? 1 : 0)
    const verdict = decide(outcome, before + 1, rules(lane.name).retry, now, random)
    const attempts = verdict.kind === 'snooze' ? before : before + 1
    lease.end(position, verdict, attempts, now - began, now)
  }

  #stopLane(lane: Lane): void {
    lane.stop()
    for (const lease of [...lane.leases]) if (lease.ended) this.#end(lane, lease)
  }

  /** Settles a lease that has ended; the second time it does nothing. */
  #end(lane: Lane, lease: Lease): void {
    if (!lane.remove(lease)) return
    if (lease.batch.probe) lane.probing = false
    const settlement = lease.settlement(this.#ports.clock.now())
    void this.#settler.write(settlement).then(() => this.#settled(lease.batch, settlement.next))
  }

  /** Only now can what is left of a batch be claimed again: a claim sent before would miss it. */
  #settled(batch: ClaimedBatch, next: NextState): void {
    const { lane: name } = batch
    this.#forget(batch)
    if (next.state === 'waiting') this.#claimer.wakeAt(this.#lane(name), next.runAt)
    if (next.state !== 'ready') return
    const lane = this.#lane(name)
    lane.more = true
    this.#claimer.considerLane(lane)
  }

  #isHeld(lease: Lease): boolean {
    return this.#leases.get(lease.batch.id) === lease
  }

  /** Lets go of a lease that is settled, or stale. Its calls may still end; nobody listens. */
  #forget({ id, token }: Pick<ClaimedBatch, 'id' | 'token'>): void {
    const lease = this.#leases.get(id)
    if (lease?.batch.token !== token) return
    this.#leases.delete(id)
    this.#lanes.get(lease.batch.lane)?.remove(lease)
  }

  /** Every lease is gone: the store has given this worker up, or must have. */
  #drop(): void {
    this.#calls.abort()
    this.#calls = new AbortController()
    this.#settler.drop()
    for (const { batch } of [...this.#leases.values()]) this.#forget(batch)
    for (const lane of this.#lanes.values()) lane.probing = false
  }

  /** In a batch that keeps killing its workers, a mapping that has spent its attempts is the cause. */
  #condemn(lease: Lease, now: EpochMs): void {
    const { attempts } = this.#ports.rules(lease.batch.lane).retry
    for (let position = 0; position < lease.size; position++) {
      if (lease.attempts(position) < attempts || !lease.isOpen(position)) continue
      lease.condemn(position, POISONED, now)
    }
  }

  #checkpointLater(): void {
    const { clock } = this.#ports
    this.#tick = clock.after(CHECKPOINT_EVERY_MS, () => {
      const before = clock.now() - CHECKPOINT_EVERY_MS
      for (const lease of this.#leases.values()) {
        const due = lease.changed && !lease.ended && lease.since <= before
        if (due) void this.#settler.write(lease.checkpoint())
      }
      this.#tidy()
      this.#checkpointLater()
    })
  }

  /** Forgets the lanes and limiters that say nothing any more: names come and go. */
  #tidy(): void {
    for (const [name, lane] of this.#lanes) if (lane.idle) this.#lanes.delete(name)
    for (const [name, limiter] of this.#limiters) {
      if (limiter.idle && !this.#lanes.has(name)) this.#limiters.delete(name)
    }
  }

  /** Resolves when no call is under way. */
  async #quiet(): Promise<void> {
    const busy = () => [...this.#lanes.values()].some((lane) => lane.inFlight > 0)
    while (busy()) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#onQuiet = resolve
      await promise
    }
  }
}

const POISONED = {
  code: 'poisoned',
  message: 'Each time this mapping was tried, the worker that tried it died.',
  stage: 'write',
  httpStatus: null,
} as const
