import type { DurationMs, EpochMs, Random } from '../core/units.ts'
import type { Cancel, Clock } from '../lib/clock.ts'
import type { Emit } from '../observe/events.ts'
import type { DispatchStore } from '../store/store.ts'
import { whileAvailable } from './or-unavailable.ts'
import type { Part } from './part.ts'

/** A worker proves itself alive this often … */
export const BEAT_EVERY_MS: DurationMs = 5000
/** … more often while it waits for the others to make room, or they for it … */
const WAITING_BEAT_EVERY_MS: DurationMs = 250
/** … more often too while the store is away, or does not know it, and up to twice this later … */
const ABSENT_BEAT_EVERY_MS: DurationMs = 250
/** … and is dead, to everyone, after this long without. */
export const LIFETIME_MS: DurationMs = 15_000
/** It gives itself up so much earlier than the others may: clocks and timers are not exact. */
const MARGIN_MS: DurationMs = 2000

export interface MembershipPorts {
  readonly store: DispatchStore
  readonly clock: Clock
  readonly random: Random
  readonly emit: Emit
  readonly newId: () => string
  readonly host: string
}

/**
 * A worker's place among the workers: it joins, beats, and learns its part of every limit. A worker
 * that joins gets a part only when every other one has told the store that it has made room.
 */
export class Membership {
  readonly #ports: MembershipPorts
  readonly #onPart: (part: Part | null) => void
  readonly #fits: () => boolean
  readonly #onLost: () => void
  #id: string
  #joined = false
  #welcome = false
  /** Another has joined, and more calls are under way than the part that is left allows. */
  #owesRoom = false
  /** How many beats have no answer yet. */
  #underWay = 0
  /** Beats are numbered: an answer that comes after that of a later one is out of date. */
  #sent = 0
  #heard = 0
  #aliveUntil: EpochMs = 0
  #seen = 0
  /** Resolves when nothing is on its way that makes this worker known. */
  #joinings: Promise<unknown> = Promise.resolve()
  #expiry: Cancel = () => {}
  #nextBeat: Cancel = () => {}
  #stopped = false
  /** The name that it gave up by itself, and when the others may give it up too. */
  #former: { readonly id: string; readonly deadline: EpochMs } | null = null

  /**
   * @param onPart told the part of every limit that may be used; null is none
   * @param fits whether no more calls are under way than that part allows
   * @param onLost told that every lease is gone, before this worker joins anew
   */
  constructor(
    ports: MembershipPorts,
    onPart: (part: Part | null) => void,
    fits: () => boolean,
    onLost: () => void,
  ) {
    this.#ports = ports
    this.#id = ports.newId()
    this.#onPart = onPart
    this.#fits = fits
    this.#onLost = onLost
  }

  /** Null while this worker is not known to the store, and must not claim. */
  get id(): string | null {
    return this.#joined ? this.#id : null
  }

  /**
   * Whether a call may still be started. A process that was stopped for a while finds out here, and
   * loses everything, before its timers have told it: ask before each call.
   */
  checkAlive(now: EpochMs): boolean {
    if (!this.#joined) return false
    if (now < this.#aliveUntil) return true
    this.#lose()
    return false
  }

  async start(): Promise<void> {
    await this.#beat()
  }

  /**
   * Told of the latest joining that the store knows of, beats early if it is news: whoever has joined
   * waits for room.
   */
  heed(epoch: number): void {
    if (!this.#joined || this.#underWay > 0 || epoch <= this.#seen) return
    void this.#beat()
  }

  /** Resolves when the store knows that this worker is gone, or cannot be told. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#nextBeat()
    this.#expiry()
    this.#joined = false
    // What was asked last need not come last.
    await this.#joinings
    await whileAvailable(() => this.#ports.store.leave(this.#id), this.#ports.emit)
  }

  /** Joins if need be, beats, and comes again: a beat that fails is one that did not happen. */
  async #beat(): Promise<void> {
    const { clock, emit } = this.#ports
    this.#beatAfter(BEAT_EVERY_MS)
    this.#underWay += 1
    const isHeard = await whileAvailable(() => this.#renew(clock.now()), emit)
    this.#underWay -= 1
    if (this.#stopped) return
    if (!isHeard) this.#beatSoon()
    else if (this.#joined && (!this.#welcome || this.#owesRoom)) {
      this.#beatAfter(WAITING_BEAT_EVERY_MS)
    }
  }

  /** Not all workers at once: the store has just come back, or is about to. */
  #beatSoon(): void {
    this.#beatAfter(ABSENT_BEAT_EVERY_MS * (1 + 2 * this.#ports.random()))
  }

  #beatAfter(delay: DurationMs): void {
    this.#nextBeat()
    this.#nextBeat = this.#ports.clock.after(delay, () => void this.#beat())
  }

  async #renew(now: EpochMs): Promise<void> {
    const { store, clock, emit } = this.#ports
    const deadline = now + LIFETIME_MS
    const number = ++this.#sent
    const id = this.#id
    await this.#leaveFormer(now)
    // One that has left must not be there again.
    if (this.#stopped) return
    if (!this.#joined) await this.#join(id, deadline)
    const beat = await store.beat(id, deadline, now, this.#seen)
    const { alive, workers, position, epoch, welcome } = beat
    if (this.#stopped || id !== this.#id || number < this.#heard) return
    this.#heard = number
    if (!alive) {
      this.#lose()
      return this.#renew(now)
    }
    if (!this.#joined) emit({ event: 'worker_joined', worker: this.#id })
    this.#joined = true
    this.#aliveUntil = deadline - MARGIN_MS
    this.#expiry()
    this.#expiry = clock.after(this.#aliveUntil - clock.now(), () => this.#lose())
    this.#welcome = welcome
    this.#onPart(welcome ? { workers, position } : null)
    // Whoever has joined waits to hear that room was made.
    this.#owesRoom = epoch > this.#seen && !this.#fits()
    if (epoch === this.#seen || this.#owesRoom) return
    this.#seen = epoch
    if (workers > 1) return this.#renew(clock.now())
  }

  async #join(id: string, deadline: EpochMs): Promise<void> {
    const { store, host } = this.#ports
    const joining = store.join({ id, host }, deadline)
    this.#joinings = Promise.allSettled([this.#joinings, joining])
    await joining
  }

  /**
   * Gives back what it held under a name that it gave up in time, rather than wait for a rescue. Not
   * before the others may have it: targets may still be busy with the calls that it has aborted.
   */
  async #leaveFormer(now: EpochMs): Promise<void> {
    const former = this.#former
    if (former === null || now < former.deadline) return
    await this.#ports.store.leave(former.id)
    if (this.#former === former) this.#former = null
  }

  #lose(): void {
    const { emit, newId, clock } = this.#ports
    emit({ event: 'worker_lost', worker: this.#id })
    const deadline = this.#aliveUntil + MARGIN_MS
    // One that hung is to be found dead: what it had in hand may be to blame.
    this.#former = clock.now() < deadline ? { id: this.#id, deadline } : null
    this.#joined = false
    this.#id = newId()
    this.#expiry()
    this.#beatSoon()
    this.#onPart(null)
    this.#onLost()
  }
}
