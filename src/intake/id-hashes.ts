import { HalfSipHash } from '../lib/half-sip-hash.ts'

/** How many are kept in one table: there are more tables, as there are more of them. */
const TABLE_SIZE = 65_536

/**
 * Remembers ids by the ordinals of their mappings, where nothing else keeps them: 64 bits of a hash, in
 * eight bytes for each. The hash has a secret key, and beside that of `Ids` it has to be equal as well
 * before two ids are taken for the same: of two million some 10⁻¹⁸ are, wrongly.
 */
export class IdHashes {
  readonly #hash: HalfSipHash
  readonly #tables: Int32Array[] = []

  /** @param key two random 32-bit integers, other ones than those of `Ids` */
  constructor([k0, k1]: readonly [number, number]) {
    this.#hash = new HalfSipHash(k0, k1)
  }

  add(ordinal: number, id: string): void {
    this.#hash.of(id)
    const table = this.#tableOf(ordinal)
    const place = 2 * (ordinal % TABLE_SIZE)
    table[place] = this.#hash.low
    table[place + 1] = this.#hash.high
  }

  /** Whether the id that was added with this ordinal is this one. */
  holds(ordinal: number, id: string): boolean {
    this.#hash.of(id)
    const table = this.#tableOf(ordinal)
    const place = 2 * (ordinal % TABLE_SIZE)
    return table[place] === this.#hash.low && table[place + 1] === this.#hash.high
  }

  #tableOf(ordinal: number): Int32Array {
    const number = Math.floor(ordinal / TABLE_SIZE)
    const table = this.#tables[number] ?? new Int32Array(2 * TABLE_SIZE)
    this.#tables[number] = table
    return table
  }
}
