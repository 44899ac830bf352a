import { type LearnedRate, learnedRate, rateAfter } from '../core/learned-rate.ts'
import { honoured } from '../core/retry.ts'
import type { DurationMs, EpochMs } from '../core/units.ts'
import type { Clock } from '../lib/clock.ts'
import type { Part } from './part.ts'

/** A timer is late by about so much; calls that follow each other faster make up for it. */
const TICK_MS: DurationMs = 2

/** What was learned and not confirmed for so long is forgotten. */
const REMEMBERED_MS: DurationMs = 600_000

/** For how long a system is to be left alone, and by whom. */
export type Rest = Pick<LearnedRate, 'wait' | 'forAll'>

/**
 * Spreads one worker's calls to a system that refuses what is too much, at a rate that its refusals
 * teach. Until the first one it lets everything pass.
 */
export class Pacer {
  #learned: LearnedRate | null = null
  #refusedAt: EpochMs = 0
  /** Since when there are calls. Time in which none was wanted does not count. */
  #since: EpochMs = 0
  /** How many calls were let through since then … */
  #passed = 0
  /** … and how long the first of them took: so much later than it begins a call is heard of. */
  #lag: DurationMs = 0
  /** So many calls were under way at the last refusal, and are not back: they say nothing new. */
  #old = 0
  /** When the next call may begin. */
  #dueAt: EpochMs = 0

  /** Something was learned, and is kept to. */
  get paces(): boolean {
    return this.#learned !== null
  }

  /** How many calls a second are tried; null where there are no bounds, or none any more. */
  perSecond(now: EpochMs): number | null {
    if (now - this.#refusedAt > REMEMBERED_MS) this.#learned = null
    if (this.#learned === null) return null
    // Time in which no call is wanted does not count.
    const age = Math.min(now, this.#dueAt) - this.#since
    return rateAfter(this.#learned, Math.max(0, age)) * 1000
  }

  /** How long to wait before a call may begin. */
  wait(now: EpochMs): DurationMs {
    return this.#learned === null ? 0 : Math.max(0, this.#dueAt - now)
  }

  /** @param underWay before this call */
  began(underWay: number, now: EpochMs): void {
    if (this.#learned === null) {
      if (underWay === 0) this.#start(now)
      return
    }
    const gap = 1 / rateAfter(this.#learned, Math.max(0, now - this.#since))
    const late = Math.max(0, now - this.#dueAt - (gap < TICK_MS ? TICK_MS : 0))
    this.#since += late
    this.#dueAt += late + gap
  }

  ended(wasRefused: boolean, clock: Clock): void {
    if (this.#old > 0) {
      this.#old -= 1
      return
    }
    if (wasRefused) return
    if (this.#passed === 0) this.#lag = Math.max(0, clock.now() - this.#since)
    this.#passed += 1
  }

  /**
   * Learns from a refusal, and says for how long nobody should call, or this worker should not.
   *
   * @param asked how long the system asked to be left alone; null where it did not say
   * @param underWay the refused call among them
   */
  refused(
    asked: DurationMs | null,
    underWay: number,
    { workers, position }: Part,
    now: EpochMs,
  ): Rest {
    if (this.#learned !== null && this.#old > 0) {
      if (asked !== null) this.#start(Math.max(this.#since, now + honoured(asked)))
      return {
        wait: Math.max(0, this.#since - now),
        forAll: this.#learned.forAll || asked !== null,
      }
    }
    this.#old = underWay
    // From the first beginning to that of the refused call, and not to its end.
    const length = Math.max(1, now - this.#since - this.#lag)
    const spell = { passed: this.#passed, length, workers }
    this.#learned = learnedRate(this.#learned, spell, asked)
    this.#refusedAt = now
    const { wait, forAll, rate } = this.#learned
    // Workers that go on at the same moment call in turn.
    const turn = asked === null ? Math.round(position / workers / rate) : 0
    this.#start(now + wait + turn)
    return { wait, forAll }
  }

  /** Waits no longer; what was learned of its rate is kept. */
  goOn(now: EpochMs): void {
    if (this.wait(now) > 0) this.#start(now)
  }

  /** Counts from then on. */
  #start(at: EpochMs): void {
    this.#since = at
    this.#passed = 0
    this.#lag = 0
    this.#dueAt = at
  }
}
