import {
  type Adaptive,
  type AdaptiveBounds,
  adapted,
  adaptiveStart,
  roundLength,
} from '../core/adaptive.ts'
import { type Cost, type Limits, share } from '../core/limits.ts'
import { type Allowance, allowanceAfter, type Quota } from '../core/quota.ts'
import type { DurationMs, EpochMs } from '../core/units.ts'
import type { Cancel, Clock } from '../lib/clock.ts'
import { Pacer, type Rest } from './pacer.ts'
import { type Part, WHOLE } from './part.ts'
import { type CallEnd, Round } from './round.ts'
import { Stopwatch } from './stopwatch.ts'
import { Windows } from './windows.ts'

interface Waiting {
  readonly step: keyof Cost
  readonly resolve: () => void
}

/**
 * One worker's part of one system's limits, on its concurrency and its rate. Every call to the
 * system takes a turn and gives it back. Nobody holds one turn while waiting for another, so turns
 * cannot deadlock.
 */
export class Limiter {
  #limits: Limits
  readonly #clock: Clock
  readonly #onFree: () => void
  readonly #waiting: Waiting[] = []
  #part: Part | null = WHOLE
  #concurrency = 0
  #adaptive: Adaptive | null = null
  readonly #round: Round
  /** So many calls were under way when there were too many, and are not back: they say nothing new. */
  #old = 0
  readonly #windows: Windows
  #allowance: Allowance | null = null
  readonly #pacer = new Pacer()
  readonly #stopwatch: Stopwatch
  #taken = 0
  #timer: Cancel | null = null

  /** @param onFree called when a turn may be had again that time, or a larger part, has brought */
  constructor(limits: Limits, clock: Clock, onFree: () => void) {
    this.#limits = limits
    this.#clock = clock
    this.#onFree = onFree
    this.#round = new Round(clock)
    this.#stopwatch = new Stopwatch(clock)
    this.#windows = new Windows(limits.rate ?? [])
    this.#bound()
  }

  /** How many calls this worker may have under way at once. */
  get concurrency(): number {
    return this.#concurrency
  }

  /** No more calls are under way than may be: it takes a while until a part that shrank is kept. */
  get fits(): boolean {
    return this.#taken <= this.#concurrency
  }

  /** Nothing is under way or waited for, and nothing is remembered. */
  get idle(): boolean {
    const now = this.#clock.now()
    return (
      this.#taken === 0 &&
      this.#waiting.length === 0 &&
      this.#adaptive === null &&
      this.#pacer.perSecond(now) === null &&
      (this.#allowance === null || this.#allowance.until <= now) &&
      this.#windows.areIdle(now)
    )
  }

  assign(part: Part | null): void {
    this.#part = part
    this.#windows.assign(this.#workers)
    this.#bound()
    this.#freed()
  }

  /** Other limits are in force from now on; what comes now is spread evenly. */
  change(limits: Limits): void {
    this.#limits = limits
    this.#windows.change(limits.rate ?? [], this.#workers, this.#clock.now())
    this.#bound()
    this.#freed()
  }

  /** Keeps to what the system says of its own limit. */
  learn(quota: Quota): void {
    // The call whose answer it is has been counted already.
    const others = this.#taken - 1
    const now = this.#clock.now()
    this.#allowance = allowanceAfter(this.#allowance, quota, this.#workers, others, now)
  }

  /** How many calls a second its refusals have taught this worker to make, to a hundredth. */
  get learnedRate(): number | null {
    const rate = this.#pacer.perSecond(this.#clock.now())
    return rate === null ? null : Math.round(rate * 100) / 100
  }

  /** How long a call has taken of late; null where none is known. For the reporter, once a second. */
  callLength(): DurationMs | null {
    return this.#stopwatch.read(this.#taken)
  }

  /**
   * Learns from a call that was refused as one too many, and says for how long nobody should call, or
   * this worker should not.
   *
   * @param asked how long the system asked to be left alone; null where it did not say
   */
  refused(asked: DurationMs | null): Rest {
    return this.#pacer.refused(asked, this.#taken, this.#part ?? WHOLE, this.#clock.now())
  }

  /** An operator wants it called now, for however long it asked to be left alone. */
  goOn(): void {
    this.#allowance = null
    this.#pacer.goOn(this.#clock.now())
    this.#freed()
  }

  /** Whether a turn could be had now. Where only the time forbids it, `onFree` will be called. */
  get open(): boolean {
    return this.#waiting.length === 0 && this.#free()
  }

  /**
   * Takes a turn: at once, then it returns null, or when the promise resolves.
   *
   * @param closed ends the wait, as `letGo` does; one that is aborted already ends nothing
   */
  take(step: keyof Cost = 'write', closed?: AbortSignal): Promise<void> | null {
    if (this.open) {
      this.#begin(step)
      return null
    }
    return new Promise((resolve) => {
      const waiting = { step, resolve }
      this.#waiting.push(waiting)
      closed?.addEventListener('abort', () => this.#release(waiting), { once: true })
    })
  }

  /**
   * Gives a turn back; whoever has waited longest gets it.
   *
   * @param end null where no call was made of it
   */
  give(end: CallEnd | null = 'fine'): void {
    if (end !== null) this.#ended(end)
    this.#taken -= 1
    this.#serve()
  }

  #ended(end: CallEnd): void {
    if (this.#adaptive !== null) this.#adapt(this.#adaptive, end)
    this.#pacer.ended(end === 'throttled', this.#clock)
    this.#stopwatch.ended(this.#taken)
  }

  /** Gives a turn to everybody who waits, of whom none will make a call: they were called off. */
  letGo(): void {
    for (const waiting of [...this.#waiting]) this.#release(waiting)
  }

  #release(waiting: Waiting): void {
    const at = this.#waiting.indexOf(waiting)
    if (at === -1) return
    this.#waiting.splice(at, 1)
    this.#taken += 1
    waiting.resolve()
  }

  #free(): boolean {
    if (this.#taken >= this.#concurrency) return false
    if (this.#windows.areNone && this.#allowance === null && !this.#pacer.paces) return true
    const now = this.#clock.now()
    const wait = Math.max(this.#windows.wait(now), this.#allowanceWait(now), this.#pacer.wait(now))
    if (wait === 0) return true
    this.#timer ??= this.#clock.after(wait, () => this.#freed())
    return false
  }

  #allowanceWait(now: EpochMs): number {
    if (this.#allowance !== null && this.#allowance.until <= now) this.#allowance = null
    return this.#allowance === null || this.#allowance.calls > 0 ? 0 : this.#allowance.until - now
  }

  #begin(step: keyof Cost): void {
    if (this.#adaptive !== null) this.#round.began(this.#taken, this.#concurrency)
    if (this.#taken === 0 || this.#pacer.paces) {
      this.#pacer.began(this.#taken, this.#clock.now())
    }
    this.#stopwatch.began(this.#taken)
    this.#taken += 1
    if (this.#allowance !== null) {
      this.#allowance = { ...this.#allowance, calls: this.#allowance.calls - 1 }
    }
    if (this.#windows.areNone) return
    this.#windows.take(this.#limits.cost?.[step] ?? 1, this.#clock.now())
  }

  #serve(): void {
    while (this.#waiting.length > 0 && this.#free()) {
      const next = this.#waiting.shift()
      if (next === undefined) return
      this.#begin(next.step)
      next.resolve()
    }
  }

  /** Looks anew, for the wait that a timer was set for may have become shorter. */
  #freed(): void {
    this.#timer?.()
    this.#timer = null
    this.#serve()
    if (this.#waiting.length === 0) this.#onFree()
  }

  #adapt(state: Adaptive, end: CallEnd): void {
    if (this.#old > 0) {
      this.#old -= 1
      this.#round.restart()
      return
    }
    this.#round.ended(this.#taken, end)
    if (this.#round.calls < roundLength(state) && end !== 'throttled') return
    if (end === 'throttled') this.#old = this.#taken - 1
    this.#adaptive = adapted(state, this.#bounds(), this.#round.close())
    this.#concurrency = this.#adaptive.limit
  }

  /** How many workers share the limits; one, as long as it is not known. */
  get #workers(): number {
    return this.#part?.workers ?? 1
  }

  #bound(): void {
    const { max } = this.#bounds()
    if (this.#limits.adaptiveFrom === undefined || max === 0) {
      this.#adaptive = null
      this.#concurrency = max
      return
    }
    const known = this.#adaptive ?? adaptiveStart(this.#bounds())
    this.#adaptive = { ...known, limit: Math.min(known.limit, max) }
    this.#concurrency = this.#adaptive.limit
  }

  #bounds(): AdaptiveBounds {
    const { concurrency, adaptiveFrom = 1 } = this.#limits
    if (this.#part === null) return { min: 0, max: 0 }
    const { workers, position } = this.#part
    const max = share(concurrency, workers, position)
    return { min: Math.min(max, Math.max(1, Math.floor(adaptiveFrom / workers))), max }
  }
}
