import type { Quota } from '../core/quota.ts'
import { REPORTED_MS, type SystemReport } from '../core/report.ts'
import type { EpochMs } from '../core/units.ts'
import type { MappingError } from '../core/verdict.ts'

const SLOTS = 12
const SLOT_MS = REPORTED_MS / SLOTS

/** What a worker's limiter finds out by itself. */
type Found = Pick<SystemReport, 'concurrency' | 'learnedRate' | 'callLength'>

/** What one worker remembers of its dealings with one system, to tell those who ask. */
export class Tally {
  readonly #slots = new Array<number>(SLOTS).fill(0)
  #slot = 0
  #total = 0
  #learned: SystemReport['learned'] = null
  #lastError: SystemReport['lastError'] = null
  #told = ''

  /** Nothing was counted, and nothing heard, in the last minute. */
  isEmpty(now: EpochMs): boolean {
    const heardAt = Math.max(this.#learned?.at ?? 0, this.#lastError?.at ?? 0)
    return this.#total === 0 && heardAt <= now - REPORTED_MS
  }

  /** Counts a mapping that was brought to its end. */
  count(now: EpochMs): void {
    this.#turnTo(now)
    this.#slots[this.#slot % SLOTS] = (this.#slots[this.#slot % SLOTS] ?? 0) + 1
    this.#total += 1
  }

  fail(error: MappingError, now: EpochMs): void {
    this.#lastError = { ...error, at: now }
  }

  learn(quota: Quota, now: EpochMs): void {
    this.#learned = { ...quota, at: now }
  }

  /** What to tell now; null where it is what was told before. */
  news(found: Found, now: EpochMs): SystemReport | null {
    this.#turnTo(now)
    const [learned, lastError] = [this.#learned, this.#lastError]
    const facts = { ...found, perMinute: this.#total, learned, lastError }
    const text = JSON.stringify(facts)
    if (text === this.#told) return null
    this.#told = text
    return { at: now, ...facts }
  }

  /** What was told did not arrive: it is told again. */
  untold(): void {
    this.#told = ''
  }

  #turnTo(now: EpochMs): void {
    const slot = Math.floor(now / SLOT_MS)
    const passed = Math.min(SLOTS, slot - this.#slot)
    for (let next = slot - passed + 1; next <= slot; next++) {
      this.#total -= this.#slots[next % SLOTS] ?? 0
      this.#slots[next % SLOTS] = 0
    }
    this.#slot = slot
  }
}
