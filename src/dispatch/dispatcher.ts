/**
 * One worker: claims batches, has their mappings delivered, settles them. Its invariants:
 *
 * 1. A mapping is under way in at most one lease, and starts only in a lease whose worker is alive.
 * 2. Every lease taken is ended in one of three ways: settled, refused as stale, or dropped with the
 *    worker that held it, whom the store then gives up.
 * 3. What was delivered is written before its lease is forgotten; a store that is away is waited for.
 * 4. Calls start in order of rank within a lane, save that every eighth goes to the oldest batch.
 * 5. A call has a turn of its system's limiter. A system whose gate is closed is not called, but by
 *    one probe; mappings that would read from it are put off, and spend nothing.
 * 6. No lane waits for another: they share the claim, and nothing else.
 * 7. Of a request that was closed no call starts; those under way end, and count.
 * 8. After `stop` has resolved nothing is under way, and nothing is leased to this worker.
 */

import { decide } from '../core/decide.ts'
import type { Outcome } from '../core/outcome.ts'
import type { Request } from '../core/request.ts'
import type { EpochMs } from '../core/units.ts'
import type { Answer, Step, Turns } from '../deliver/turns.ts'
import type { Claim, ClaimedBatch, NextState, Work } from '../store/store.ts'
import { type Access, putOffUntil } from './access.ts'
import { Accesses } from './accesses.ts'
import { tellLeased } from './callback.ts'
import { Checkpoints } from './checkpoints.ts'
import { Claimer } from './claimer.ts'
import { tellFinished } from './finished.ts'
import { Gates } from './gates.ts'
import { condemn, Isolation } from './isolation.ts'
import { Lane } from './lane.ts'
import { Lanes } from './lanes.ts'
import { Lease } from './lease.ts'
import { Membership } from './membership.ts'
import type { DispatcherPorts } from './ports.ts'
import { Reporter } from './reporter.ts'
import { policyFor } from './rules.ts'
import { Settler } from './settler.ts'
import { Upkeep } from './upkeep.ts'

/** One worker, from `start` to `stop`; the invariants above hold in between. */
export class Dispatcher {
  readonly #ports: DispatcherPorts
  readonly #membership: Membership
  readonly #settler: Settler
  readonly #claimer: Claimer
  readonly #gates: Gates
  readonly #reporter: Reporter
  readonly #upkeep: Upkeep
  readonly #checkpoints: Checkpoints
  readonly #isolation = new Isolation()
  readonly #lanes: Lanes
  readonly #accesses: Accesses
  readonly #leases = new Map<number, Lease>()
  readonly #turns: Turns
  #calls = new AbortController()
  #stopping = false
  #onQuiet = () => {}

  constructor(ports: DispatcherPorts) {
    const { store, clock, emit, retention } = ports
    const onFinished = (requests: readonly Request[]) => tellFinished(requests, store, emit)
    this.#ports = ports
    this.#accesses = new Accesses({
      rules: ports.rules,
      clock,
      onFree: (system) => {
        const lane = this.#lanes.known(system)
        if (lane !== null) this.#pump(lane)
      },
      onPaused: (system, paused) => (paused ? this.#stopLane(system) : this.#resume(system)),
    })
    this.#lanes = new Lanes((system) => {
      const { together } = ports.rules(system)
      return new Lane(this.#accesses.of(system), this.#isolation, together)
    })
    this.#membership = new Membership(
      ports,
      (part) => {
        this.#accesses.assign(part)
        this.#claimer.consider()
      },
      () => [...this.#accesses.all()].every(({ limiter }) => limiter.fits),
      () => this.#drop(),
    )
    this.#settler = new Settler({
      ...{ store, clock, emit, onFinished },
      isBusy: () => this.#lanes.isBusy,
      onRefused: ({ batch: id, token }) => this.#forget({ id, token }),
    })
    this.#claimer = new Claimer({
      store,
      clock,
      emit,
      worker: () => (this.#stopping ? null : this.#membership.id),
      lane: (name) => this.#lanes.of(name),
      lanes: () => this.#lanes.all(),
      held: () => [...this.#leases.keys()],
      onClaim: (worker, claim) => this.#accept(worker, claim),
      onWork: (work, askedAt) => this.#follow(work, askedAt),
    })
    this.#gates = new Gates({
      store,
      clock,
      emit,
      answers: (system) => ports.rules(system).answers,
      stop: (system) => this.#stopLane(system),
      wakeAt: (system, at) => this.#claimer.wakeAt(this.#lanes.of(system), at),
      onOpen: (system) => this.#resume(system),
    })
    this.#reporter = new Reporter(
      ports,
      () => this.#membership.id,
      () => this.#accesses.all(),
    )
    this.#checkpoints = new Checkpoints({
      clock,
      leases: () => this.#leases.values(),
      write: (settlement) => void this.#settler.write(settlement),
      onTick: () => this.#tidy(),
    })
    this.#upkeep = new Upkeep({
      ...{ store, clock, emit, retention, onFinished },
      leases: () => this.#leases.values(),
      close: (lease) => this.#close(lease),
    })
    this.#turns = this.#turnsOf(null)
  }

  /** Resolves when this worker is known to the store, or is waiting for a store that is away. */
  async start(): Promise<void> {
    await this.#membership.start()
    if (this.#stopping) return
    this.#claimer.start()
    this.#upkeep.start()
    this.#reporter.start()
    this.#checkpoints.start()
  }

  /**
   * Starts nothing more, lets the calls under way end until `deadline`, ends the others, writes what
   * is known and gives back the rest, unblamed.
   */
  async stop(deadline: EpochMs): Promise<void> {
    this.#stopping = true
    this.#claimer.stop()
    this.#upkeep.stop()
    this.#reporter.stop()
    this.#checkpoints.stop()
    const { clock } = this.#ports
    const giveUp = clock.after(deadline - clock.now(), () => this.#callOff())
    for (const { name } of this.#lanes.all()) this.#stopLane(name)
    await this.#quiet()
    giveUp()
    await this.#settler.written()
    await this.#membership.stop()
  }

  /** @param probe the system that a mapping probes: it may read from that one as well */
  #turnsOf(probe: Access | null): Turns {
    return {
      take: (system, step, closed) => {
        const access = this.#accesses.of(system)
        const isProbe = access === probe
        const turn = access.limiter.take(step, closed)
        // Nobody waits who was called off before it asked.
        if (turn !== null && this.#calls.signal.aborted) access.limiter.letGo()
        return turn === null
          ? this.#mayCall(access, step, isProbe)
          : turn.then(() => this.#mayCall(access, step, isProbe))
      },
      give: (system, step, answer) => this.#give(system, step, answer),
    }
  }

  /** Does as callers, operators and other workers have said. */
  #follow(work: Work, askedAt: EpochMs): void {
    const { systems, epoch } = work
    this.#membership.heed(epoch)
    this.#upkeep.heed(work)
    this.#accesses.override(systems)
    const gates = new Map(systems.map(({ system, gate }) => [system, gate]))
    for (const [system, gate] of gates) if (gate !== null) this.#accesses.of(system)
    for (const access of this.#accesses.all()) {
      this.#gates.follow(access, gates.get(access.system) ?? null, askedAt)
    }
  }

  /** Something may start again that is for this system. */
  #resume(system: string): void {
    const lane = this.#lanes.of(system)
    lane.more = true
    this.#pump(lane)
  }

  #give(system: string, step: Step, answer: Answer | null): void {
    const access = this.#accesses.of(system)
    access.limiter.give(answer && this.#gates.hear(access, step, answer))
    const lane = this.#lanes.known(system)
    // A mapping that was written is judged first; then it starts the next one itself.
    if (lane !== null && step === 'read') this.#pump(lane)
  }

  #accept(worker: string, { batches, closed }: Claim): void {
    const now = this.#ports.clock.now()
    for (const { lane: name, gate } of closed) this.#gates.heed(this.#accesses.of(name), gate)
    if (worker !== this.#membership.id) return
    const touched = new Set<Lane>()
    for (const batch of batches) {
      const lane = this.#lanes.of(batch.lane)
      const lease = new Lease(batch, now)
      if (lease.isolated) condemn(lease, this.#ports.rules(batch.lane).retry, now)
      if (batch.probe) lane.gate.probing = 'write'
      // What was on its way while the gate closed goes back: a probe must find nothing else in hand.
      if (this.#stopping || !lane.gate.lets(now)) lease.stop()
      if (this.#upkeep.isClosing(batch)) lease.close()
      this.#leases.set(batch.id, lease)
      lane.add(lease)
      touched.add(lane)
      if (lease.ended) this.#end(lane, lease)
    }
    for (const lane of touched) this.#pump(lane)
  }

  /** Time may have passed since the call was thought of: what held then may hold no more. */
  #mayCall(access: Access, step: Step, isProbe: boolean): boolean | Promise<boolean> {
    const now = this.#ports.clock.now()
    // A worker that is no longer alive has aborted its calls when this returns.
    if (!this.#membership.checkAlive(now)) return false
    return step === 'read' && !isProbe ? this.#gates.mayRead(access) : access.gate.lets(now)
  }

  #pump(lane: Lane): void {
    const { clock } = this.#ports
    for (let now = clock.now(); lane.open(now); now = clock.now()) {
      if (!this.#membership.checkAlive(now)) break
      const started = lane.start()
      if (started === null) break
      const { lease, position } = started
      if (this.#putOff(lane, lease, position, now)) continue
      void (lease.isolated
        ? this.#carryOutAlone(lane, lease, position)
        : this.#carryOut(lane, lease, position, now))
    }
    this.#claimer.considerLane(lane)
  }

  async #carryOut(lane: Lane, lease: Lease, position: number, began: EpochMs): Promise<void> {
    const task = lease.task(position)
    const turns = lease.batch.probe ? this.#turnsOf(lane.access) : this.#turns
    const outcome = await this.#ports.deliver(task, turns, this.#calls.signal)
    lane.inFlight -= 1
    if (this.#isHeld(lease)) {
      this.#judge(lane, lease, position, outcome, began)
      if (lease.ended) this.#end(lane, lease)
    }
    this.#pump(lane)
    this.#onQuiet()
  }

  async #carryOutAlone(lane: Lane, lease: Lease, position: number): Promise<void> {
    const { clock } = this.#ports
    this.#isolation.enter()
    lease.spend(position, clock.now())
    await this.#settler.write(lease.checkpoint())
    if (this.#isHeld(lease)) await this.#carryOut(lane, lease, position, clock.now())
    else {
      lane.inFlight -= 1
      this.#onQuiet()
    }
    if (lease.changed && this.#isHeld(lease)) await this.#settler.write(lease.checkpoint())
    else await this.#settler.written()
    this.#isolation.leave()
    for (const each of this.#lanes.all()) this.#pump(each)
  }

  #judge(lane: Lane, lease: Lease, position: number, outcome: Outcome, began: EpochMs): void {
    const { clock, random, rules } = this.#ports
    const now = clock.now()
    const before = lease.attempts(position) - (lease.isolated ? 1 : 0)
    const isInterrupted = outcome.kind === 'interrupted'
    if (isInterrupted && this.#waitsForSource(lane, lease, position, before, now)) return
    lane.restsUntil = 0
    const source = lease.source(position)
    const policy = policyFor(outcome, lane.name, source, rules)
    const verdict = decide(outcome, before + 1, policy, now, random)
    const attempts = verdict.kind === 'snooze' ? before : before + 1
    lease.end(position, verdict, attempts, now - began, now)
    this.#accesses.note(verdict, lane.access, source, now)
  }

  /** Puts a mapping off that was started, if its source must not be read from now. */
  #putOff(lane: Lane, lease: Lease, position: number, now: EpochMs): boolean {
    const attempts = lease.attempts(position)
    if (!this.#waitsForSource(lane, lease, position, attempts, now)) return false
    lane.inFlight -= 1
    if (lease.ended) this.#end(lane, lease)
    return true
  }

  /** Snoozes a mapping, unspent, if its source must not be read from now. */
  #waitsForSource(
    lane: Lane,
    lease: Lease,
    position: number,
    attempts: number,
    now: EpochMs,
  ): boolean {
    const source = lease.source(position)
    if (lease.batch.probe && source === lane.name) return false
    const gate = this.#accesses.closedSource(source, now)
    if (gate === null) return false
    const runAt = putOffUntil(gate, now)
    lease.end(position, { kind: 'snooze', runAt, error: null }, attempts, 0, now)
    lane.rest(now)
    this.#claimer.wakeAt(lane, lane.restsUntil)
    return true
  }

  /** Starts nothing more of what is in hand for a system. */
  #stopLane(system: string): void {
    const lane = this.#lanes.known(system)
    if (lane === null) return
    lane.stop()
    for (const lease of [...lane.leases]) if (lease.ended) this.#end(lane, lease)
  }

  /** Starts nothing more of a lease, whose request is closed. */
  #close(lease: Lease): void {
    const lane = this.#lanes.of(lease.batch.lane)
    lane.close(lease)
    if (lease.ended) this.#end(lane, lease)
  }

  /** Settles a lease that has ended; the second time it does nothing. */
  #end(lane: Lane, lease: Lease): void {
    if (!lane.remove(lease)) return
    if (lease.batch.probe) lane.gate.probing = null
    const settlement = lease.settlement(this.#ports.clock.now())
    void this.#settler.write(settlement).then(() => this.#settled(lease, settlement.next))
  }

  /** Only now can what is left of a batch be claimed again: a claim sent before would miss it. */
  #settled(lease: Lease, next: NextState): void {
    const { lane: name } = lease.batch
    if (next.state === 'done' && this.#isHeld(lease)) tellLeased(lease, this.#ports.emit)
    this.#forget(lease.batch)
    if (next.state === 'waiting') this.#claimer.wakeAt(this.#lanes.of(name), next.runAt)
    if (next.state !== 'ready') return
    const lane = this.#lanes.of(name)
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
    const lane = this.#lanes.known(lease.batch.lane)
    if (lane?.remove(lease) && lease.batch.probe) lane.gate.probing = null
  }

  /** Ends the calls under way, and those that wait for their turn. */
  #callOff(): void {
    this.#calls.abort()
    for (const { limiter } of this.#accesses.all()) limiter.letGo()
  }

  /** Every lease is gone: the store has given this worker up, or must have. */
  #drop(): void {
    this.#callOff()
    this.#calls = new AbortController()
    this.#settler.drop()
    for (const { batch } of [...this.#leases.values()]) this.#forget(batch)
    for (const { gate } of this.#accesses.all()) gate.probing = null
  }

  /** Forgets the lanes and systems that say nothing any more: names come and go. */
  #tidy(): void {
    this.#lanes.tidy()
    this.#accesses.tidy((system) => this.#lanes.known(system) !== null)
  }

  /** Resolves when no call is under way. */
  async #quiet(): Promise<void> {
    while (this.#lanes.isUnderWay) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#onQuiet = resolve
      await promise
    }
  }
}
