import { type Limits, rateTaken, rateWait, share, shareOfRate } from '../core/limits.ts'
import type { EpochMs } from '../core/units.ts'
import type { Clock } from '../lib/clock.ts'

/** Which part of a system's limits a worker may use: that of one of so many. */
export interface Part {
  readonly workers: number
  readonly position: number
}

/**
 * One worker's part of one system's limits, on its concurrency and its rate. Every call to the
 * system takes a turn and gives it back. Nobody holds one turn while waiting for another, so turns
 * cannot deadlock.
 */
export class Limiter {
  readonly #limits: Limits
  readonly #clock: Clock
  readonly #onFree: () => void
  readonly #waiting: (() => void)[] = []
  #part: Part = { workers: 1, position: 0 }
  #concurrency: number
  #taken = 0
  #tat: EpochMs = 0
  #timer: (() => void) | null = null

  /** @param onFree called when a turn may be had again that time, or a larger part, has brought */
  constructor(limits: Limits, clock: Clock, onFree: () => void) {
    this.#limits = limits
    this.#clock = clock
    this.#onFree = onFree
    this.#concurrency = limits.concurrency
  }

  /** How many calls this worker may have under way at once. */
  get concurrency(): number {
    return this.#concurrency
  }

  /** No more calls are under way than may be: it takes a while until a part that shrank is kept. */
  get fits(): boolean {
    return this.#taken <= this.#concurrency
  }

  /** Nothing is under way or waited for, and the rate remembers nothing. */
  get idle(): boolean {
    return this.#taken === 0 && this.#waiting.length === 0 && this.#tat <= this.#clock.now()
  }

  assign(part: Part | null): void {
    this.#part = part ?? { workers: 1, position: 0 }
    const { workers, position } = this.#part
    this.#concurrency = part === null ? 0 : share(this.#limits.concurrency, workers, position)
    this.#freed()
  }

  /** Whether a turn could be had now. Where only the rate forbids it, `onFree` will be called. */
  get open(): boolean {
    return this.#waiting.length === 0 && this.#free()
  }

  /** Takes a turn: at once, then it returns null, or when the promise resolves. */
  take(): Promise<void> | null {
    if (this.open) {
      this.#begin()
      return null
    }
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
    })
  }

  /** Gives a turn back; whoever has waited longest gets it. */
  give(): void {
    this.#taken -= 1
    this.#serve()
  }

  #free(): boolean {
    if (this.#taken >= this.#concurrency) return false
    const { rate } = this.#limits
    if (rate === null) return true
    const { workers } = this.#part
    const wait = rateWait(shareOfRate(rate, workers), this.#tat, this.#clock.now())
    if (wait === 0) return true
    this.#timer ??= this.#clock.after(wait, () => {
      this.#timer = null
      this.#freed()
    })
    return false
  }

  #begin(): void {
    this.#taken += 1
    const { rate } = this.#limits
    if (rate === null) return
    this.#tat = rateTaken(shareOfRate(rate, this.#part.workers), this.#tat, this.#clock.now())
  }

  #serve(): void {
    while (this.#waiting.length > 0 && this.#free()) {
      this.#begin()
      this.#waiting.shift()?.()
    }
  }

  #freed(): void {
    this.#serve()
    if (this.#waiting.length === 0) this.#onFree()
  }
}
