import type { Round as Seen } from '../core/adaptive.ts'
import type { EpochMs } from '../core/units.ts'
import type { Clock } from '../lib/clock.ts'

/** How a call went, as far as the number of calls at once is concerned. */
export type CallEnd = 'fine' | 'failed' | 'throttled'

/**
 * Watches a row of calls. How long they take on average is read from how many are under way over
 * time (Little's law), so that no call has to be followed by itself.
 */
export class Round {
  readonly #clock: Clock
  #calls = 0
  #failures = 0
  #throttled = false
  #full = false
  /** Calls under way, times milliseconds. */
  #area = 0
  #lookedAt: EpochMs

  constructor(clock: Clock) {
    this.#clock = clock
    this.#lookedAt = clock.now()
  }

  get calls(): number {
    return this.#calls
  }

  /** @param underWay before this call, of at most `limit` */
  began(underWay: number, limit: number): void {
    this.#look(underWay)
    this.#full ||= underWay + 1 >= limit
  }

  /** @param underWay this call among them */
  ended(underWay: number, end: CallEnd): void {
    this.#look(underWay)
    this.#calls += 1
    if (end !== 'fine') this.#failures += 1
    this.#throttled ||= end === 'throttled'
  }

  /** What was seen of at least one call; the next round begins. */
  close(): Seen {
    const latency = this.#area / this.#calls
    const seen = {
      calls: this.#calls,
      failures: this.#failures,
      throttled: this.#throttled,
      full: this.#full,
      latency,
    }
    this.restart()
    return seen
  }

  /** Forgets what was seen: the next round begins. */
  restart(): void {
    this.#calls = 0
    this.#failures = 0
    this.#throttled = false
    this.#full = false
    this.#area = 0
    this.#lookedAt = this.#clock.now()
  }

  #look(underWay: number): void {
    const now = this.#clock.now()
    this.#area += underWay * (now - this.#lookedAt)
    this.#lookedAt = now
  }
}
