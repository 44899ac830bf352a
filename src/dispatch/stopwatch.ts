import type { DurationMs, EpochMs } from '../core/units.ts'
import type { Clock } from '../lib/clock.ts'

/**
 * So many calls are timed from one reading to the next: to look at the clock twice for each would take
 * a busy worker longer than what its limits cost it.
 */
const TIMED_MAX = 256

/** How much of what was seen before a reading counts beside what comes after it. */
const KEPT = 0.9

/**
 * Finds out how long calls take. It is read from how many are under way over time (Little's law), so
 * that no call has to be followed by itself.
 */
export class Stopwatch {
  readonly #clock: Clock
  /** Calls under way, times milliseconds. */
  #area = 0
  #ended = 0
  #left = TIMED_MAX
  #lookedAt: EpochMs
  #length: DurationMs | null = null

  constructor(clock: Clock) {
    this.#clock = clock
    this.#lookedAt = clock.now()
  }

  /** @param underWay before this call */
  began(underWay: number): void {
    if (this.#left > 0) this.#look(underWay)
  }

  /** @param underWay this call among them */
  ended(underWay: number): void {
    if (this.#left === 0) return
    this.#look(underWay)
    this.#ended += 1
    this.#left -= 1
  }

  /**
   * How long a call has taken of late, to two digits; null where none has ended. To be asked every now
   * and then: more calls are timed after that.
   */
  read(underWay: number): DurationMs | null {
    if (this.#left === TIMED_MAX) return this.#length
    if (this.#left > 0) this.#look(underWay)
    else this.#lookedAt = this.#clock.now()
    this.#length = Number((this.#area / this.#ended).toPrecision(2))
    this.#area *= KEPT
    this.#ended *= KEPT
    this.#left = TIMED_MAX
    return this.#length
  }

  #look(underWay: number): void {
    const now = this.#clock.now()
    this.#area += underWay * (now - this.#lookedAt)
    this.#lookedAt = now
  }
}
