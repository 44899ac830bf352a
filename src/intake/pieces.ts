import { unpack } from '../core/packed.ts'
import type { DurationMs } from '../core/units.ts'
import type { Cancel, Clock } from '../lib/clock.ts'
import type {
  Inserted,
  IntakeStore,
  NewBatch,
  Opened,
  Piece,
  RejectedBatch,
  RequestOutline,
  StagedBatch,
} from '../store/store.ts'

/**
 * How large a piece gets: so many batches, or so much text of their mappings, which the store writes in
 * some milliseconds. What is no more than one piece is inserted at once.
 */
const PIECE_BATCHES = 1000
const PIECE_WEIGHT = 250_000

/** How long the store waits for the next piece, and how often it is told that there will be one. */
const RECEIVING_MS: DurationMs = 30_000
const RENEW_EVERY_MS: DurationMs = 10_000

/** How many batches that were read back are kept, for whoever asks for their mappings again. */
const READ_BACK_MAX = 64

/** The store has given the request up, because no piece of it came for too long. It may be tried again. */
class GivenUp extends Error {
  override readonly name = 'StoreUnavailable'
}

export interface PiecesPorts {
  readonly store: IntakeStore
  readonly clock: Clock
}

/** What is known of a request when all of it has been put. */
export interface Ending {
  readonly sources: Readonly<Record<string, number>>
  /** Of the body; null where there is no key. */
  readonly fingerprint: string | null
}

/**
 * Hands a request to the store as its batches are made: a small one at once in the end, a larger one in
 * pieces, one after another, so that neither this side nor the store's writer has much of it in hand.
 * Nothing of it is there before it is finished.
 */
export class Pieces {
  readonly #request: RequestOutline
  readonly #key: string | null
  readonly #store: IntakeStore
  readonly #clock: Clock
  readonly #lanes = new Map<string, number>()
  #batches: StagedBatch[] = []
  #rejected: RejectedBatch[] = []
  #weight = 0
  /** How many mappings these hold, and how many are in the pieces that were sent. */
  #mappings = 0
  #sent = 0
  #count = 0
  #opened: Opened | null = null
  #isTried = false
  /** The last piece that was sent. */
  #last: Promise<void> = Promise.resolve()
  #renewal: Cancel = () => {}
  /** The ids of batches that were read back, by their ordinals. */
  readonly #readBack: ReadonlyMap<number, string>[] = []

  constructor(request: RequestOutline, key: string | null, { store, clock }: PiecesPorts) {
    this.#request = request
    this.#key = key
    this.#store = store
    this.#clock = clock
  }

  /** How many batches were put. */
  get count(): number {
    return this.#count
  }

  /** What the store said when the first piece was sent; null as long as none was. */
  get opened(): Opened | null {
    return this.#opened
  }

  /** The key stands for a request already, or for one on its way: nothing that is put is kept. */
  get keepsNothing(): boolean {
    return this.#opened !== null && this.#opened.kind !== 'opened'
  }

  put(batch: NewBatch): void {
    const { lane, ordinals } = batch
    const before = this.#lanes.get(lane) ?? 0
    this.#lanes.set(lane, before + ordinals.count)
    this.#batches.push({ ...batch, before })
    this.#gather(batch)
  }

  putRejected(batch: RejectedBatch): void {
    this.#rejected.push(batch)
    this.#gather(batch)
  }

  /** What has gathered is enough for a piece: send it, before more is put. */
  get isFull(): boolean {
    const gathered = this.#batches.length + this.#rejected.length
    return gathered > PIECE_BATCHES || this.#weight > PIECE_WEIGHT
  }

  /** Sends what has gathered, when the piece before it is there. */
  async send(): Promise<void> {
    await this.#last
    this.#opened ??= await this.#open()
    const piece = this.#take()
    if (this.#opened.kind === 'opened') this.#follow(() => this.#stage(piece))
  }

  /**
   * The id of a mapping that was put, by its ordinal. Where the key was used before, that of the request
   * which it stands for: they are the same, or it is a conflict in any case.
   */
  async idAt(ordinal: number): Promise<string | null> {
    const known = this.#readBack.find((ids) => ids.has(ordinal))
    if (known !== undefined) return known.get(ordinal) ?? null
    await this.send()
    await this.#last
    const opened = this.#opened
    const { tenant } = this.#request
    const { id } = opened?.kind === 'known' ? opened.request : this.#request
    for (const batch of await this.#store.received({ tenant, id }, ordinal, ordinal + 1)) {
      const { first, list } = batch.ordinals
      const { ids } = unpack(batch.mappings)
      this.#readBack.unshift(new Map(ids.map((id, at) => [list?.[at] ?? first + at, id])))
    }
    this.#readBack.length = Math.min(READ_BACK_MAX, this.#readBack.length)
    return this.#readBack.find((ids) => ids.has(ordinal))?.get(ordinal) ?? null
  }

  /** Makes the request: all of it is there when this has resolved with `inserted`, and else nothing. */
  async finish({ sources, fingerprint }: Ending): Promise<Inserted> {
    if (!this.#isTried && this.#rejected.length === 0) return this.#insert({ sources, fingerprint })
    await this.send()
    await this.#last
    this.#renewal()
    const opened = this.#opened
    if (opened === null || opened.kind === 'receiving') return { kind: 'receiving' }
    if (opened.kind === 'known') {
      if (opened.fingerprint !== fingerprint) return { kind: 'conflict' }
      return { kind: 'replayed', request: opened.request }
    }
    const lanes = Object.fromEntries(this.#lanes)
    const whole = { total: this.#sent, sources, lanes, fingerprint }
    if (!(await this.#store.complete(this.#request, whole))) throw new GivenUp()
    return { kind: 'inserted' }
  }

  /** Leaves nothing of a request that is not finished. */
  async abandon(): Promise<void> {
    this.#renewal()
    await this.#last.catch(() => {})
    if (this.#isTried) await this.#store.abandon(this.#request)
  }

  #insert({ sources, fingerprint }: Ending): Promise<Inserted> {
    const idempotency =
      this.#key === null || fingerprint === null ? null : { key: this.#key, fingerprint }
    const request = this.#request
    const batches = this.#batches
    return this.#store.insert({ ...request, total: this.#mappings, sources, batches, idempotency })
  }

  #gather({ ordinals, mappings }: NewBatch): void {
    this.#mappings += ordinals.count
    this.#weight += mappings.length
    this.#count += 1
  }

  /** Has something done after the last piece; whoever sends the next one is told if it fails. */
  #follow(action: () => Promise<void>): void {
    this.#last = this.#last.then(action)
    this.#last.catch(() => {})
  }

  async #open(): Promise<Opened> {
    this.#isTried = true
    const now = this.#clock.now()
    const request = { ...this.#request, key: this.#key }
    const opened = await this.#store.open(request, now + RECEIVING_MS, now)
    if (opened.kind === 'opened') this.#renewLater()
    return opened
  }

  /** A client may be slow, and its request is not given up for that. */
  #renewLater(): void {
    this.#renewal = this.#clock.after(RENEW_EVERY_MS, () => {
      this.#follow(() => this.#stage({ staged: this.#sent, batches: [] }))
      this.#renewLater()
    })
  }

  async #stage(piece: Piece): Promise<void> {
    const now = this.#clock.now()
    const isKept = await this.#store.stage(this.#request, piece, now + RECEIVING_MS, now)
    if (!isKept) throw new GivenUp()
  }

  #take(): Piece {
    const piece = { staged: this.#sent, batches: this.#batches, rejected: this.#rejected }
    this.#sent += this.#mappings
    this.#batches = []
    this.#rejected = []
    this.#mappings = 0
    this.#weight = 0
    return piece
  }
}
