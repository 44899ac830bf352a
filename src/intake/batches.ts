import { ORDINAL_SPAN_MAX } from '../core/batch.ts'
import type { Mapping } from '../core/mapping.ts'
import { Packer } from '../core/packed.ts'
import type { NewBatch, Ordinals } from '../store/store.ts'

/** A mapping with its place in its request. */
export interface Member {
  readonly ordinal: number
  readonly mapping: Mapping
}

/** How much text a batch may hold that has more than one mapping; and all that are being filled. */
const BATCH_WEIGHT_MAX = 1_000_000
const FILLING_WEIGHT_MAX = 2_000_000

/**
 * Cuts the mappings of a request into batches as they come, each for one target. A target's batches come
 * in order of their ordinals. Beside each mapping a note may be kept; its batch comes with them.
 */
export class Batcher<Note = null> {
  readonly #sizeNow: () => number
  readonly #emit: (batch: NewBatch, notes: readonly Note[]) => void
  readonly #filling = new Map<string, Filling<Note>>()
  #weight = 0

  /** @param sizeNow how many mappings a batch may hold that is cut now */
  constructor(sizeNow: () => number, emit: (batch: NewBatch, notes: readonly Note[]) => void) {
    this.#sizeNow = sizeNow
    this.#emit = emit
  }

  /** @param weight about how much text it is */
  add({ ordinal, mapping }: Member, note: Note, weight: number): void {
    const lane = mapping.target
    let filling = this.#filling.get(lane)
    if (filling !== undefined && !this.#fits(filling, ordinal, weight)) this.#cut(filling)
    if (filling === undefined || filling.isCut) {
      filling = new Filling(lane)
      this.#filling.set(lane, filling)
    }
    filling.add(ordinal, mapping, note, weight)
    this.#weight += weight
    if (this.#weight > FILLING_WEIGHT_MAX) this.flush()
  }

  /** Cuts all that are being filled. */
  flush(): void {
    for (const filling of this.#filling.values()) this.#cut(filling)
    this.#filling.clear()
  }

  /** The id of a mapping, by its ordinal, if it is in a batch that is being filled. */
  idAt(ordinal: number): string | null {
    for (const filling of this.#filling.values()) {
      const id = filling.idAt(ordinal)
      if (id !== null) return id
    }
    return null
  }

  #fits(filling: Filling<Note>, ordinal: number, weight: number): boolean {
    return (
      filling.size < this.#sizeNow() &&
      ordinal - filling.first <= ORDINAL_SPAN_MAX &&
      filling.weight + weight <= BATCH_WEIGHT_MAX
    )
  }

  #cut(filling: Filling<Note>): void {
    this.#weight -= filling.weight
    this.#emit(filling.cut(), filling.notes)
  }
}

/** A batch that is being filled. */
class Filling<Note> {
  readonly #lane: string
  readonly #ordinals: number[] = []
  readonly #packer = new Packer()
  readonly notes: Note[] = []
  weight = 0
  isCut = false

  constructor(lane: string) {
    this.#lane = lane
  }

  get size(): number {
    return this.#ordinals.length
  }

  get first(): number {
    return this.#ordinals[0] ?? 0
  }

  add(ordinal: number, mapping: Mapping, note: Note, weight: number): void {
    this.#ordinals.push(ordinal)
    this.#packer.add(mapping)
    this.notes.push(note)
    this.weight += weight
  }

  idAt(ordinal: number): string | null {
    const position = this.#ordinals.indexOf(ordinal)
    return position === -1 ? null : this.#packer.idAt(position)
  }

  /** The batch, filled. */
  cut(): NewBatch {
    this.isCut = true
    return { lane: this.#lane, ordinals: placesOf(this.#ordinals), mappings: this.#packer.text() }
  }
}

function placesOf(ordinals: readonly number[]): Ordinals {
  const [first = 0, last = 0] = [ordinals[0], ordinals.at(-1)]
  const count = ordinals.length
  return { first, last, count, list: last - first === count - 1 ? null : ordinals }
}

/**
 * The batches of a request that is there whole, each as soon as it is full: the first may be on their way
 * while the others are made.
 *
 * @param rejected those of its mappings that are not among the others, by their ordinals
 */
export function* batchesOf(
  mappings: readonly Mapping[],
  size: number,
  rejected: readonly Pick<Member, 'ordinal'>[] = [],
): Generator<NewBatch, void, undefined> {
  let cut: NewBatch[] = []
  const batcher = new Batcher(
    () => size,
    (batch) => cut.push(batch),
  )
  for (const member of membersOf(mappings, rejected)) {
    batcher.add(member, null, 0)
    if (cut.length === 0) continue
    yield* cut
    cut = []
  }
  batcher.flush()
  yield* cut
}

/** The mappings of a request in their places, between those that were rejected. */
export function* membersOf(
  mappings: readonly Mapping[],
  rejected: readonly Pick<Member, 'ordinal'>[],
): Generator<Member, void, undefined> {
  let ordinal = 0
  let left = 0
  for (const mapping of mappings) {
    for (; rejected[left]?.ordinal === ordinal; left++) ordinal++
    yield { ordinal, mapping }
    ordinal++
  }
}
