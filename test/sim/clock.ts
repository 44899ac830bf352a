import type { DurationMs, EpochMs } from '../../src/core/units.ts'
import type { Cancel, Clock } from '../../src/lib/clock.ts'

interface Timer {
  readonly at: EpochMs
  readonly order: number
  readonly callback: () => void
  cancelled: boolean
}

/** Time that stands still until the simulation moves it, from one timer to the next. */
export class SimulatedClock implements Clock {
  #now: EpochMs = 1_700_000_000_000
  #order = 0
  readonly #stillness: () => Promise<void>
  /** A binary heap by time, then by the order in which the timers were set. */
  readonly #timers: Timer[] = []

  /** @param stillness resolves when all that a timer has set off waits for another one */
  constructor(stillness = everythingThatFollows) {
    this.#stillness = stillness
  }

  now(): EpochMs {
    return this.#now
  }

  after(delay: DurationMs, callback: () => void): Cancel {
    this.#order += 1
    const at = this.#now + Math.max(0, Math.ceil(delay))
    const timer: Timer = { at, order: this.#order, callback, cancelled: false }
    this.#push(timer)
    return () => {
      timer.cancelled = true
    }
  }

  /** Moves to the next timer and fires it. False where there is none before `until`. */
  async step(until: EpochMs): Promise<boolean> {
    for (;;) {
      const timer = this.#timers[0]
      if (timer === undefined || timer.at > until) return false
      this.#pop()
      if (timer.cancelled) continue
      this.#now = timer.at
      timer.callback()
      await this.#stillness()
      return true
    }
  }

  #push(timer: Timer): void {
    const heap = this.#timers
    heap.push(timer)
    for (let at = heap.length - 1; at > 0; ) {
      const parent = (at - 1) >> 1
      if (!sooner(heap, at, parent)) return
      swap(heap, at, parent)
      at = parent
    }
  }

  #pop(): void {
    const heap = this.#timers
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    heap[0] = last
    for (let at = 0; ; ) {
      const [left, right] = [2 * at + 1, 2 * at + 2]
      const child = right < heap.length && sooner(heap, right, left) ? right : left
      if (child >= heap.length || !sooner(heap, child, at)) return
      swap(heap, at, child)
      at = child
    }
  }
}

/** Lets every promise that can go on do so: a turn of the event loop comes after all of them. */
export function everythingThatFollows(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

function sooner(heap: readonly Timer[], a: number, b: number): boolean {
  const [x, y] = [heap[a], heap[b]]
  if (x === undefined || y === undefined) return false
  return x.at < y.at || (x.at === y.at && x.order < y.order)
}

function swap(heap: Timer[], a: number, b: number): void {
  const [x, y] = [heap[a], heap[b]]
  if (x === undefined || y === undefined) return
  heap[a] = y
  heap[b] = x
}
