import type { DurationMs } from '../core/units.ts'
import type { Cancel, Clock } from '../lib/clock.ts'
import type { Emit } from '../observe/events.ts'
import type { DispatchStore } from '../store/store.ts'
import { orUnavailable } from './or-unavailable.ts'

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
    const rescued = await orUnavailable(() => this.#store.rescue(this.#clock.now()), this.#emit)
    for (const dead of rescued ?? []) this.#emit({ event: 'batches_rescued', ...dead })
  }
}
