import type { DurationMs, EpochMs } from '../core/units.ts'
import type { Cancel, Clock } from '../lib/clock.ts'
import type { Emit } from '../observe/events.ts'
import type { Claim, DispatchStore, Want, Work } from '../store/store.ts'
import type { Lane } from './lane.ts'
import { orUnavailable } from './or-unavailable.ts'

/** How often the store is asked what there is to do. Hints come sooner; this is the truth. */
const POLL_EVERY_MS: DurationMs = 1000

/**
 * How often the store is told what is in hand, whatever has happened: a claim whose answer was lost may
 * be carried out long after, and its batches would stay leased to a worker that knows nothing of them.
 */
const KEEP_EVERY_MS: DurationMs = 30_000

export interface ClaimerPorts {
  readonly store: DispatchStore
  readonly clock: Clock
  readonly emit: Emit
  /** The worker to claim for; null while there must be no claims. */
  readonly worker: () => string | null
  /** Finds a lane, or makes it. */
  readonly lane: (name: string) => Lane
  readonly lanes: () => Iterable<Lane>
  /** The batches in hand. */
  readonly held: () => readonly number[]
  readonly onClaim: (worker: string, claim: Claim) => void
  /** Told what the store has answered, as it was at `askedAt` or later. */
  readonly onWork: (work: Work, askedAt: EpochMs) => void
}

/**
 * Keeps the lanes in work: asks the store for batches whenever a lane has room and the store may
 * have some. One claim at a time, for all lanes that want; so no lane waits behind another.
 */
export class Claimer {
  readonly #ports: ClaimerPorts
  #claiming = false
  /** It is known how systems may be called: nothing is claimed before. */
  #informed = false
  #asking = false
  #askAgain = false
  /** From when on the store is to be told what is in hand; at once where a claim's answer was lost. */
  #keepAt: EpochMs = 0
  #poll: Cancel = () => {}
  #wake: Cancel = () => {}
  #wakeAt: EpochMs = Number.POSITIVE_INFINITY
  #unsubscribe: Cancel = () => {}

  constructor(ports: ClaimerPorts) {
    this.#ports = ports
  }

  start(): void {
    this.#keepAt = this.#ports.clock.now() + KEEP_EVERY_MS
    this.#unsubscribe = this.#ports.store.onWork(({ lane: name, rank }) => {
      if (name === null || rank === null) {
        void this.#ask()
        return
      }
      const lane = this.#ports.lane(name)
      lane.more = true
      lane.hinted = Math.min(lane.hinted ?? rank, rank)
      lane.restsUntil = 0
      this.consider()
    })
    this.#pollStore()
  }

  stop(): void {
    this.#unsubscribe()
    this.#poll()
    this.#wake()
  }

  /** Claims if this lane wants something. Cheap: it is asked after every call. */
  considerLane(lane: Lane): void {
    if (!this.#claiming && lane.want(this.#ports.clock.now()) !== null) this.consider()
  }

  /** Claims for every lane that wants something, unless a claim is under way: it will ask again. */
  consider(): void {
    const { worker, lanes, clock } = this.#ports
    const id = worker()
    if (this.#claiming || id === null || !this.#informed) return
    const now = clock.now()
    const wants: Want[] = []
    for (const lane of lanes()) {
      const want = lane.want(now)
      if (want !== null) wants.push(want)
    }
    if (wants.length > 0 || now >= this.#keepAt) void this.#claim(id, wants)
  }

  /** Looks at a lane again at `at`: something in it will be due. */
  wakeAt(lane: Lane, at: EpochMs): void {
    lane.due = Math.min(lane.due ?? at, at)
    if (at >= this.#wakeAt) return
    this.#wake()
    this.#wakeAt = at
    this.#wake = this.#ports.clock.after(at - this.#ports.clock.now(), () => this.#onDue())
  }

  #onDue(): void {
    this.#wakeAt = Number.POSITIVE_INFINITY
    const now = this.#ports.clock.now()
    for (const lane of this.#ports.lanes()) {
      if (lane.due === null) continue
      if (lane.due > now) this.wakeAt(lane, lane.due)
      else {
        lane.due = null
        lane.more = true
      }
    }
    this.consider()
  }

  async #claim(worker: string, wants: readonly Want[]): Promise<void> {
    const { clock, emit, onClaim } = this.#ports
    this.#claiming = true
    // A hint that comes while the claim is on its way must not be forgotten with its answer.
    for (const want of wants) this.#expectNothing(want)
    const claim = await orUnavailable(() => this.#take(worker, wants), emit)
    this.#claiming = false
    if (claim === null) {
      this.#keepAt = clock.now()
      for (const want of wants)
        this.wakeAt(this.#ports.lane(want.lane), clock.now() + POLL_EVERY_MS)
      return
    }
    for (const want of wants) this.#expectMore(want, claim)
    for (const { lane: name, at } of claim.due) this.wakeAt(this.#ports.lane(name), at)
    onClaim(worker, claim)
    this.consider()
  }

  async #take(worker: string, wants: readonly Want[]): Promise<Claim> {
    const { store, clock, held } = this.#ports
    if (clock.now() >= this.#keepAt) {
      await store.keep(worker, held())
      this.#keepAt = clock.now() + KEEP_EVERY_MS
    }
    return wants.length === 0 ? NOTHING : store.claim(worker, wants, clock.now())
  }

  #expectNothing({ lane: name, below }: Want): void {
    const lane = this.#ports.lane(name)
    if (below === null) lane.more = false
    lane.hinted = null
  }

  /** A store that gave all it was asked for may have more: of no lower rank than the last of it. */
  #expectMore({ lane: name, below, mappings }: Want, { batches }: Claim): void {
    const got = batches.filter((batch) => batch.lane === name)
    if (got.reduce((sum, { ordinals }) => sum + ordinals.count, 0) < mappings) return
    const lane = this.#ports.lane(name)
    if (below === null) lane.more = true
    else lane.hinted = Math.min(lane.hinted ?? below, got.at(-1)?.rank ?? below)
  }

  #pollStore(): void {
    this.#poll = this.#ports.clock.after(POLL_EVERY_MS, () => this.#pollStore())
    void this.#ask()
  }

  /** Asks what there is to do, and how; once more if it was asked to meanwhile. */
  async #ask(): Promise<void> {
    this.#askAgain = this.#asking
    if (this.#asking) return
    this.#asking = true
    await this.#learn()
    this.#asking = false
    if (this.#askAgain) void this.#ask()
  }

  async #learn(): Promise<void> {
    const { store, clock, emit, lane, onWork } = this.#ports
    const askedAt = clock.now()
    const work = await orUnavailable(() => store.work(askedAt), emit)
    if (work === null) return
    this.#informed = true
    onWork(work, askedAt)
    for (const { lane: name, rank, due } of work.lanes) {
      const found = lane(name)
      if (rank !== null) {
        found.more = true
        found.hinted = rank
      }
      if (due !== null) this.wakeAt(found, due)
    }
    this.consider()
  }
}

const NOTHING: Claim = { batches: [], closed: [], due: [] }
