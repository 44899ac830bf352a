import { randomBytes, randomUUID } from 'node:crypto'
import type { EpochMs, Random } from '../core/units.ts'

/** The process's own source of chance; a simulation brings a seeded one. */
export const systemRandom: Random = () => Math.random()

/** The same numbers in the same order for the same seed (mulberry32). */
export function seededRandom(seed: number): Random {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Two 32-bit integers that nobody can guess: the key of a `HalfSipHash`. */
export function newHashKey(): readonly [number, number] {
  const bytes = randomBytes(8)
  return [bytes.readInt32LE(0), bytes.readInt32LE(4)]
}

/** Whatever `newId` makes at this moment, or later, comes after it; and what it made before, before. */
export function idsFrom(moment: EpochMs): string {
  const time = Math.max(0, moment).toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}`
}

let lastTime: EpochMs = 0
let sequence = 0

/**
 * A new UUIDv7 (RFC 9562 section 5.7): unique, sorted by `now` and, within a millisecond, by the order
 * in which this process made them: its first random bits count (section 6.2, method 1).
 */
export function newId(now: EpochMs): string {
  sequence = now === lastTime ? (sequence + 1) & 0xfff : Math.floor(Math.random() * 0x800)
  lastTime = now
  const place = sequence.toString(16).padStart(3, '0')
  // A random UUID has its variant where a UUIDv7 has it, and costs a tenth of fresh random bytes.
  return `${idsFrom(now)}-7${place}${randomUUID().slice('xxxxxxxx-xxxx-4xxx'.length)}`
}
