/** Timers take no more, and would be over at once. */
const TIMER_MAX_MS = 2 ** 31 - 1

/** Aborts when nothing has happened for `limitMs`; it runs only between `start` and `stop`. */
export class Deadline {
  readonly limitMs: number
  readonly #controller = new AbortController()
  #timer: ReturnType<typeof setTimeout> | undefined
  #isOver = false

  constructor(limitMs: number) {
    this.limitMs = limitMs
  }

  /** Aborted once the time is over. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Counts from now on, whether it counted before or not. */
  start(): void {
    this.stop()
    if (this.#isOver) return
    this.#timer = setTimeout(() => this.#controller.abort(), Math.min(this.limitMs, TIMER_MAX_MS))
  }

  /** Counts no longer, until it is started again. */
  stop(): void {
    clearTimeout(this.#timer)
  }

  /** Counts never again: a source that is still being read must not keep the process waiting. */
  end(): void {
    this.stop()
    this.#isOver = true
  }
}
