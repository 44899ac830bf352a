import type { DurationMs, EpochMs } from '../core/units.ts'
import type { Cancel, Clock } from '../lib/clock.ts'
import type { Emit } from '../observe/events.ts'
import type { DispatchStore } from '../store/store.ts'
import { orUnavailable } from './or-unavailable.ts'

/** What is due later than this is told again before then: the store is asked once a second. */
const AHEAD_MS: DurationMs = 2000

/** Has the store release requests whose time has come, a piece at a time. Any worker may do it for all. */
export class Releaser {
  readonly #store: DispatchStore
  readonly #clock: Clock
  readonly #emit: Emit
  #releasing = false
  #stopped = false
  #next: Cancel = () => {}
  #nextAt: EpochMs = Number.POSITIVE_INFINITY

  constructor(store: DispatchStore, clock: Clock, emit: Emit) {
    this.#store = store
    this.#clock = clock
    this.#emit = emit
  }

  /** Hears when there is something to release; null for nothing. */
  heed(at: EpochMs | null): void {
    const now = this.#clock.now()
    if (at === null || at >= this.#nextAt || at > now + AHEAD_MS) return
    if (this.#releasing || this.#stopped) return
    this.#next()
    this.#nextAt = at
    this.#next = this.#clock.after(at - now, () => void this.#release())
  }

  stop(): void {
    this.#stopped = true
    this.#next()
  }

  async #release(): Promise<void> {
    this.#releasing = true
    // A store that is away is asked again when it says once more that there is something.
    const next = await orUnavailable(() => this.#store.release(this.#clock.now()), this.#emit)
    this.#releasing = false
    this.#nextAt = Number.POSITIVE_INFINITY
    this.heed(next)
  }
}
