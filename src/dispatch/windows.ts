import { type Rate, rateSpent, rateTaken, rateWait, shareOfRate } from '../core/limits.ts'
import type { DurationMs, EpochMs } from '../core/units.ts'

/** One window of a rate, as one worker's part of it. */
interface Window {
  readonly rate: Rate
  /** What `core/limits.ts` knows it by. */
  tat: EpochMs
}

/** One worker's part of a rate in all its windows, which must all hold. */
export class Windows {
  #rates: readonly Rate[]
  #windows: readonly Window[]

  /** @param rates those of the system; none where nothing bounds it */
  constructor(rates: readonly Rate[]) {
    this.#rates = rates
    this.#windows = this.#divided(1, 0)
  }

  /** Nothing bounds the calls. */
  get areNone(): boolean {
    return this.#windows.length === 0
  }

  /** Nothing is remembered of calls. */
  areIdle(now: EpochMs): boolean {
    return this.#windows.every(({ tat }) => tat <= now)
  }

  /** So many workers share the rate from now on; what was spent stays spent. */
  assign(workers: number): void {
    this.#windows = this.#divided(workers, 0).map(({ rate }, at) => {
      return { rate, tat: this.#windows[at]?.tat ?? 0 }
    })
  }

  /** Other rates are in force from now on; what comes now is spread evenly. */
  change(rates: readonly Rate[], workers: number, now: EpochMs): void {
    this.#rates = rates
    this.#windows = this.#divided(workers, now)
  }

  /** How long to wait before a call may begin. */
  wait(now: EpochMs): DurationMs {
    let wait = 0
    for (const { rate, tat } of this.#windows) wait = Math.max(wait, rateWait(rate, tat, now))
    return wait
  }

  /** Counts a call, which is worth `cost` of them. */
  take(cost: number, now: EpochMs): void {
    for (const window of this.#windows) window.tat = rateTaken(window.rate, window.tat, now, cost)
  }

  /** @param now 0: nothing is spent yet */
  #divided(workers: number, now: EpochMs): readonly Window[] {
    return this.#rates.map((rate) => ({
      rate: shareOfRate(rate, workers),
      tat: now === 0 ? 0 : rateSpent(rate, now),
    }))
  }
}
