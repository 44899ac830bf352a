import { takesOldest } from '../core/rank.ts'
import type { DurationMs, EpochMs } from '../core/units.ts'
import type { Want } from '../store/store.ts'
import type { Access, SystemGate } from './access.ts'
import type { Isolation } from './isolation.ts'
import type { Lease } from './lease.ts'
import type { Limiter } from './limiter.ts'

/** How much work a lane keeps in hand: what it is likely to start within this time … */
const IN_HAND_MS: DurationMs = 2000
/** … and never more mappings than this. */
const IN_HAND_MAX = 10_000

/**
 * How long a lane claims nothing more after mappings were put off that wait for their source, unless
 * new work comes: what waits behind them is looked at by and by, and a backlog is not turned over.
 */
const REST_MS: DurationMs = 1000

/** While some mappings are being written, as many may be read. */
const READ_AHEAD = 2

/**
 * A lane's speed is measured over this time at least, and over so many rounds of all the calls that may be
 * under way at once, for calls that begin together are a burst and not a speed; or else over the longest time.
 */
const MEASURED: { readonly min: DurationMs; readonly max: DurationMs } = { min: 5, max: 1000 }
const ROUNDS = 3

/** A target system's queue as one worker sees it: the leases it has in hand, in order of rank. */
export class Lane {
  readonly access: Access
  /** The store may have batches that are ready. */
  more = false
  /** What the store has may rank as low as this, and no lower; null where nothing is known. */
  hinted: number | null = null
  /** When the store's next waiting batch is due; null where none is known. */
  due: EpochMs | null = null
  /** Nothing is claimed before this moment. */
  restsUntil: EpochMs = 0
  /** How many mappings are under way, in whatever step. */
  inFlight = 0
  readonly #isolation: Isolation
  readonly #together: number
  /** In order of rank. */
  readonly #leases: Lease[] = []
  /** The same, in order of age. */
  readonly #byAge: Lease[] = []
  #unstarted = 0
  #started = 0
  #claimed = 0
  #speed = 0
  #measured = { at: 0, started: 0 }

  /** @param together how many mappings one call may hold */
  constructor(access: Access, isolation: Isolation, together = 1) {
    this.access = access
    this.#isolation = isolation
    this.#together = together
  }

  get name(): string {
    return this.access.system
  }

  get limiter(): Limiter {
    return this.access.limiter
  }

  get gate(): SystemGate {
    return this.access.gate
  }

  get leases(): readonly Lease[] {
    return this.#leases
  }

  /** How many mappings in hand could be started, were there turns for them. */
  get unstarted(): number {
    return this.#unstarted
  }

  get idle(): boolean {
    return this.#leases.length === 0 && this.inFlight === 0 && !this.more && this.due === null
  }

  add(lease: Lease): void {
    this.#claimed += 1
    this.#unstarted += lease.unstarted
    insert(lease, this.#leases, ({ batch }) => batch.rank)
    insert(lease, this.#byAge, ({ batch }) => batch.id)
  }

  /** False where it was not there (any more). */
  remove(lease: Lease): boolean {
    const at = this.#leases.indexOf(lease)
    if (at === -1) return false
    this.#leases.splice(at, 1)
    this.#byAge.splice(this.#byAge.indexOf(lease), 1)
    this.#unstarted -= lease.unstarted
    return true
  }

  /**
   * Starts the mapping that goes next: one of the lowest rank, but every eighth time one of the
   * batch that was made first. Null where nothing can start.
   */
  start(): { readonly lease: Lease; readonly position: number } | null {
    if (this.#unstarted === 0) return null
    const leases = takesOldest(this.#started) ? this.#byAge : this.#leases
    const lease = leases.find((each) => this.#canStart(each))
    const position = lease?.start() ?? null
    if (lease === undefined || position === null) return null
    this.#started += 1
    this.#unstarted -= 1
    this.inFlight += 1
    return { lease, position }
  }

  /**
   * Whether there is a turn for one more mapping, and nothing forbids it. Where many share a call, the
   * next ones gather while all turns are taken.
   */
  open(now: EpochMs): boolean {
    if (!this.gate.lets(now) || this.inFlight >= READ_AHEAD * this.#atOnce) return false
    return this.#together > 1 || this.limiter.open
  }

  /** How many mappings may be under way to the system at once. */
  get #atOnce(): number {
    return this.limiter.concurrency * this.#together
  }

  /** Claims nothing for a while: what was claimed last waits for its sources. */
  rest(now: EpochMs): void {
    this.restsUntil = now + REST_MS
  }

  /** Starts nothing more of what is in hand. */
  stop(): void {
    for (const lease of this.#leases) lease.stop()
    this.#unstarted = 0
  }

  /** Starts nothing more of one lease, whose request is closed. */
  close(lease: Lease): void {
    this.#unstarted -= lease.unstarted
    lease.close()
  }

  /** What to ask the store for now; null where there is no room, or no hope of any. */
  want(now: EpochMs): Want | null {
    const { concurrency } = this.limiter
    if (concurrency === 0 || this.gate.probing !== null || !this.gate.lets(now)) return null
    if (now < this.restsUntil) return null
    const { name: lane, unstarted } = this
    const turn = this.#claimed
    const room = this.#room(now)
    if (this.more && unstarted <= room / 2) {
      return { lane, mappings: Math.ceil(room - unstarted), below: null, turn }
    }
    const below = this.#leases.at(-1)?.batch.rank
    if (below === undefined || this.hinted === null || this.hinted >= below) return null
    if (this.#holdsBelow(this.hinted, concurrency / 2)) return null
    return { lane, mappings: concurrency, below, turn }
  }

  /** Whether so many mappings go before a rank anyhow. Looks no further than it must. */
  #holdsBelow(rank: number, enough: number): boolean {
    let held = 0
    for (const { batch, unstarted } of this.#leases) {
      if (batch.rank > rank) return false
      held += unstarted
      if (held > enough) return true
    }
    return false
  }

  #room(now: EpochMs): number {
    const elapsed = now - this.#measured.at
    const started = this.#started - this.#measured.started
    const isEnough = elapsed >= MEASURED.min && started >= ROUNDS * this.#atOnce
    if (isEnough || elapsed >= MEASURED.max) {
      // A pause says little of how it goes on afterwards.
      this.#speed = Math.max(started / elapsed, this.#speed / 2)
      this.#measured = { at: now, started: this.#started }
    }
    const soon = this.#speed * IN_HAND_MS
    return Math.min(IN_HAND_MAX, Math.max(2 * this.#atOnce, soon))
  }

  #canStart(lease: Lease): boolean {
    if (lease.unstarted === 0) return false
    if (lease.isolated && this.#isolation.taken) return false
    return !(lease.batch.probe && lease.inFlight > 0)
  }
}

/** Puts a lease behind all whose place is not higher than its own. */
function insert(lease: Lease, leases: Lease[], place: (lease: Lease) => number): void {
  let [low, high] = [0, leases.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    const other = leases[middle]
    if (other !== undefined && place(other) > place(lease)) high = middle
    else low = middle + 1
  }
  leases.splice(low, 0, lease)
}
