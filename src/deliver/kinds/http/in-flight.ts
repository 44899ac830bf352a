import type { DurationMs, EpochMs } from '../../../core/units.ts'
import type { Cancel, Clock } from '../../../lib/clock.ts'

/** A call that can be cut off. */
export interface Cuttable {
  readonly signal: AbortSignal
  /** Ends the call, if it has not ended; it must then be removed. */
  cutOff(why: 'timeout' | 'interrupted'): void
}

/**
 * The calls under way over one line. All may take the same time, so the oldest is due first: one timer
 * serves them all, and one listener all that share a signal; none is made and undone for each call.
 */
export class InFlight {
  readonly #clock: Clock
  readonly #timeout: DurationMs
  /** The moment by which each must have ended, oldest first. */
  readonly #deadlines = new Map<Cuttable, EpochMs>()
  /** How many calls listen to each signal. */
  readonly #listening = new Map<AbortSignal, number>()
  #cancelTimer: Cancel | null = null

  constructor(clock: Clock, timeout: DurationMs) {
    this.#clock = clock
    this.#timeout = timeout
  }

  /** Watches over a call until it is removed. */
  add(call: Cuttable): void {
    const { signal } = call
    this.#deadlines.set(call, this.#clock.now() + this.#timeout)
    const others = this.#listening.get(signal) ?? 0
    this.#listening.set(signal, others + 1)
    if (others === 0) signal.addEventListener('abort', this)
    if (this.#cancelTimer === null) this.#wait(this.#timeout)
  }

  /** Forgets a call. The last one takes the timer with it, and the last of a signal its listener. */
  remove(call: Cuttable): void {
    if (!this.#deadlines.delete(call)) return
    const { signal } = call
    const others = (this.#listening.get(signal) ?? 1) - 1
    if (others > 0) this.#listening.set(signal, others)
    else {
      this.#listening.delete(signal)
      signal.removeEventListener('abort', this)
    }
    if (this.#deadlines.size === 0) this.#stopWaiting()
  }

  /** A signal was aborted. */
  handleEvent({ target }: Event): void {
    for (const call of [...this.#deadlines.keys()]) {
      if (call.signal === target) call.cutOff('interrupted')
    }
  }

  #wait(delay: DurationMs): void {
    this.#cancelTimer = this.#clock.after(delay, () => this.#cutOffDue())
  }

  #stopWaiting(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = null
  }

  /** A deadline further away than any can be means that the clock was set back: it is due as well. */
  #cutOffDue(): void {
    this.#cancelTimer = null
    const now = this.#clock.now()
    for (const [call, deadline] of this.#deadlines) {
      if (deadline > now && deadline <= now + this.#timeout) break
      call.cutOff('timeout')
    }
    const [oldest] = this.#deadlines.values()
    if (oldest !== undefined && this.#cancelTimer === null) this.#wait(oldest - now)
  }
}
