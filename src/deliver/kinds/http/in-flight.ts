import type { DurationMs, EpochMs } from '../../../core/units.ts'
import type { Cancel, Clock } from '../../../lib/clock.ts'
import { Slots } from '../../../lib/slots.ts'

/** A call that can be cut off. */
export interface Cuttable {
  readonly signal: AbortSignal
  /** Ends the call, if it has not ended; it must then be removed. */
  cutOff(why: 'timeout' | 'interrupted'): void
}

interface Watched {
  readonly call: Cuttable
  readonly deadline: EpochMs
}

/**
 * The calls under way over one line. One timer serves them all, and one listener all that share a
 * signal: none is made and undone for each call. All may take the same time, so the timer, set for
 * the oldest, seldom goes off more than once in that time; only then are all of them looked at.
 */
export class InFlight {
  readonly #clock: Clock
  readonly #timeout: DurationMs
  readonly #watched = new Slots<Watched>()
  /** How many calls listen to each signal. */
  readonly #listening = new Map<AbortSignal, number>()
  #cancelTimer: Cancel | null = null

  constructor(clock: Clock, timeout: DurationMs) {
    this.#clock = clock
    this.#timeout = timeout
  }

  /** Watches over a call until it is removed from the place that this gives. */
  add(call: Cuttable): number {
    const { signal } = call
    const others = this.#listening.get(signal) ?? 0
    this.#listening.set(signal, others + 1)
    if (others === 0) signal.addEventListener('abort', this)
    if (this.#cancelTimer === null) this.#wait(this.#timeout)
    return this.#watched.put({ call, deadline: this.#clock.now() + this.#timeout })
  }

  /**
   * Forgets a call; to be asked once. The last one takes the timer with it, and the last of a signal
   * its listener.
   */
  remove(place: number): void {
    const watched = this.#watched.take(place)
    if (watched === undefined) return
    const { signal } = watched.call
    const others = (this.#listening.get(signal) ?? 1) - 1
    if (others > 0) this.#listening.set(signal, others)
    else {
      this.#listening.delete(signal)
      signal.removeEventListener('abort', this)
    }
    if (this.#watched.size === 0) this.#stopWaiting()
  }

  /** A signal was aborted. */
  handleEvent({ target }: Event): void {
    for (const { call } of [...this.#watched]) {
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

  #cutOffDue(): void {
    this.#cancelTimer = null
    const now = this.#clock.now()
    for (const { call, deadline } of [...this.#watched]) {
      if (deadline <= now) call.cutOff('timeout')
    }
    if (this.#watched.size === 0 || this.#cancelTimer !== null) return
    const deadlines = [...this.#watched].map(({ deadline }) => deadline)
    this.#wait(deadlines.reduce((first, deadline) => Math.min(first, deadline)) - now)
  }
}
