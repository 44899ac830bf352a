import { HalfSipHash } from '../lib/half-sip-hash.ts'

/** How many parts, each of which grows by itself: what is copied then is small, and soon over. */
const PARTS = 64

/** Slots of a part at first, how much of them may be taken, and by how much they grow then. */
const SLOTS_MIN = 64
const LOAD_MAX = 0.8
const GROWTH = 1.5

/**
 * Remembers which ids there were, however long they are, in some 13 bytes for each: 38 bits of a hash,
 * and the ordinal of its mapping. The hash has a secret key, so nobody can have ids meet on purpose; but
 * of two million some seven do, so whoever is told of an equal hash must look whether the ids are equal.
 */
export class Ids {
  readonly #hash: HalfSipHash
  readonly #parts = Array.from({ length: PARTS }, () => new Part())

  /** @param key two random 32-bit integers */
  constructor([k0, k1]: readonly [number, number]) {
    this.#hash = new HalfSipHash(k0, k1)
  }

  /** Adds the id of a mapping, unless one of its hash is there: then it gives the ordinal of that one. */
  add(id: string, ordinal: number): number | null {
    this.#hash.of(id)
    const { low, high } = this.#hash
    return this.#parts[high & (PARTS - 1)]?.add(low, ordinal) ?? null
  }
}

/** A table with open addressing: what finds no free slot where it belongs takes the next one. */
class Part {
  #hashes = new Int32Array(SLOTS_MIN)
  /** One more than the ordinal; 0 is a slot that is free. */
  #ordinals = new Uint32Array(SLOTS_MIN)
  #size = 0

  add(hash: number, ordinal: number): number | null {
    const slot = this.#find(hash)
    const known = this.#ordinals[slot] ?? 0
    if (known !== 0) return known - 1
    this.#put(slot, hash, ordinal + 1)
    this.#size += 1
    if (this.#size > LOAD_MAX * this.#ordinals.length) this.#grow()
    return null
  }

  /** The slot of this hash, or the free one where it goes. */
  #find(hash: number): number {
    const slots = this.#ordinals.length
    let slot = Math.floor(((hash >>> 0) / 2 ** 32) * slots)
    while (this.#ordinals[slot] !== 0 && this.#hashes[slot] !== hash) {
      slot = slot + 1 === slots ? 0 : slot + 1
    }
    return slot
  }

  #put(slot: number, hash: number, ordinal: number): void {
    this.#hashes[slot] = hash
    this.#ordinals[slot] = ordinal
  }

  #grow(): void {
    const [hashes, ordinals] = [this.#hashes, this.#ordinals]
    const slots = Math.ceil(GROWTH * ordinals.length)
    this.#hashes = new Int32Array(slots)
    this.#ordinals = new Uint32Array(slots)
    for (const [from, ordinal] of ordinals.entries()) {
      if (ordinal === 0) continue
      const hash = hashes[from] ?? 0
      this.#put(this.#find(hash), hash, ordinal)
    }
  }
}
