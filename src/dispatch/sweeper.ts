import { AUDIT_START } from '../core/audit.ts'
import type { DurationMs } from '../core/units.ts'
import type { Cancel, Clock } from '../lib/clock.ts'
import type { Emit } from '../observe/events.ts'
import type { DispatchStore } from '../store/store.ts'
import { whileAvailable } from './or-unavailable.ts'

/** From one sweep to the next. Nobody waits for it, and an idle node is to ask the store little. */
const SWEEP_EVERY_MS: DurationMs = 20_000

/** How many pieces one sweep audits: a round through what is open need not be quick. */
const AUDITED_MAX = 100

/**
 * Sweeps the store again and again: has it audited, and old requests deleted and cleared away. Each step
 * is short, and lets other calls go first; there are as many of them as it takes. Any worker may do it for
 * all.
 */
export class Sweeper {
  readonly #store: DispatchStore
  readonly #clock: Clock
  readonly #emit: Emit
  readonly #retention: DurationMs
  #next: Cancel = () => {}
  /** Where the audit goes on. It is only a place in a round: losing it costs nothing. */
  #place = AUDIT_START
  #isSweeping = false
  #isStopped = false

  constructor(store: DispatchStore, clock: Clock, emit: Emit, retention: DurationMs) {
    this.#store = store
    this.#clock = clock
    this.#emit = emit
    this.#retention = retention
  }

  start(): void {
    this.#next = this.#clock.after(SWEEP_EVERY_MS, () => {
      this.start()
      if (!this.#isSweeping) void this.#sweep()
    })
  }

  stop(): void {
    this.#isStopped = true
    this.#next()
  }

  async #sweep(): Promise<void> {
    this.#isSweeping = true
    await whileAvailable(async () => {
      await this.#audit()
      await this.#delete()
    }, this.#emit)
    this.#isSweeping = false
  }

  async #audit(): Promise<void> {
    for (let piece = 0; piece < AUDITED_MAX && !this.#isStopped; piece++) {
      const { next, repaired } = await this.#store.audit(this.#place, this.#clock.now())
      this.#place = next ?? AUDIT_START
      if (repaired !== null) this.#emit({ event: 'request_repaired', request: repaired })
      if (next === null) return
    }
  }

  /** What is deleted is cleared away before more of it is: what is gone but there is in everybody's way. */
  async #delete(): Promise<void> {
    const retainedSince = this.#clock.now() - this.#retention
    for (let more = true; more && !this.#isStopped; ) {
      const deleted = await this.#store.deleteOld(this.#clock.now(), retainedSince)
      if (deleted.requests > 0)
        this.#emit({ event: 'requests_deleted', requests: deleted.requests })
      while (!this.#isStopped && (await this.#store.clear(this.#clock.now())));
      more = deleted.more
    }
  }
}
