import type { DurationMs } from '../core/units.ts'
import type { Cancel, Clock } from '../lib/clock.ts'
import type { Emit } from '../observe/events.ts'
import { type DispatchStore, StoreUnavailable } from '../store/store.ts'

/** A dead worker is one after 15 s, and what it held is to be under way again within 20. */
const RESCUE_EVERY_MS: DurationMs = 4500

/** Has the store take back, again and again, what the dead hold, and tells of it. Any worker may do it for all. */
export class Rescuer {
  readonly #store: DispatchStore
  readonly #clock: Clock
  readonly #emit: Emit
  #next: Cancel = () => {}

  constructor(store: DispatchStore, clock: Clock, emit: Emit) {
    this.#store = store
    this.#clock = clock
    this.#emit = emit
  }

  start(): void {
    this.#next = this.#clock.after(RESCUE_EVERY_MS, () => {
      this.start()
      void this.#rescue()
    })
  }

  stop(): void {
    this.#next()
  }

  async #rescue(): Promise<void> {
    try {
      const rescued = await this.#store.rescue(this.#clock.now())
      for (const dead of rescued) this.#emit({ event: 'batches_rescued', ...dead })
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
      this.#emit({ event: 'store_unavailable', message: error.message })
    }
  }
}
