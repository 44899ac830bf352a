import type { DurationMs } from '../core/units.ts'
import type { Cancel, Clock } from '../lib/clock.ts'
import type { Emit } from '../observe/events.ts'
import { type DispatchStore, StoreUnavailable } from '../store/store.ts'

/**
 * A dead worker is one after 15 s, and what it held is to be under way again within 20. More often would
 * cost an idle node more than it is worth: a sweep is three statements.
 */
const SWEEP_EVERY_MS: DurationMs = 4500

/**
 * Has the store swept again and again, and cleared of what is left to clear away; tells what was found.
 * Any worker may do it for all.
 */
export class Sweeper {
  readonly #store: DispatchStore
  readonly #clock: Clock
  readonly #emit: Emit
  readonly #retention: DurationMs
  #next: Cancel = () => {}
  #clearing = false
  #stopped = false

  constructor(store: DispatchStore, clock: Clock, emit: Emit, retention: DurationMs) {
    this.#store = store
    this.#clock = clock
    this.#emit = emit
    this.#retention = retention
  }

  start(): void {
    this.#next = this.#clock.after(SWEEP_EVERY_MS, () => {
      this.start()
      void this.#sweep()
    })
  }

  stop(): void {
    this.#stopped = true
    this.#next()
  }

  async #sweep(): Promise<void> {
    const now = this.#clock.now()
    try {
      const { rescued, repaired, deleted } = await this.#store.sweep(now, now - this.#retention)
      for (const dead of rescued) this.#emit({ event: 'batches_rescued', ...dead })
      for (const request of repaired) this.#emit({ event: 'request_repaired', request })
      if (deleted > 0) this.#emit({ event: 'requests_deleted', requests: deleted })
      await this.#clear()
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
      this.#emit({ event: 'store_unavailable', message: error.message })
    }
  }

  /** A piece at a time, each of which lets other calls go first. */
  async #clear(): Promise<void> {
    if (this.#clearing) return
    this.#clearing = true
    try {
      while (!this.#stopped && (await this.#store.clear(this.#clock.now())));
    } finally {
      this.#clearing = false
    }
  }
}
