import { isAbsence } from './errors.ts'
import { pause } from './pause.ts'

/** A restart, draining included, takes less than what these come to: about a minute. */
const PAUSES_MS = [250, 500, 1000, 2000, 4000, ...Array.from({ length: 10 }, () => 5000)]

/** Waits for a server that has answered before, and is away for a while. */
export class Patience {
  readonly #pauses: readonly number[]
  /** In a row; without end as long as there was no answer at all, so that nothing is waited for. */
  #absences = Number.POSITIVE_INFINITY

  constructor(pauses: readonly number[] = PAUSES_MS) {
    this.#pauses = pauses
  }

  /** Asks until there is an answer, or a reason not to ask again. */
  async ask<Answer>(call: () => Promise<Answer>, signal?: AbortSignal): Promise<Answer> {
    for (;;) {
      try {
        const answer = await call()
        this.restore()
        return answer
      } catch (error) {
        await this.outlast(error, signal)
      }
    }
  }

  /** The server has answered: its next absence is waited for from the beginning. */
  restore(): void {
    this.#absences = 0
  }

  /** Waits, `leastMs` or longer, before the next try; throws `error` where that is of no use. */
  async outlast(error: unknown, signal?: AbortSignal, leastMs = 0): Promise<void> {
    const delayMs = this.#pauses[this.#absences]
    if (delayMs === undefined || !isAbsence(error)) throw error
    this.#absences += 1
    await pause(Math.max(delayMs, leastMs), signal)
  }
}
