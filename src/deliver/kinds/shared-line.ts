import type { Bulk, Delivery, Refusal, WriteAnswer } from '../kind.ts'
import { type Deadline, within } from '../within.ts'
import { type CallStage, refusalOf, serialize } from './endings.ts'

/** How one connection is made and ended. */
export interface LineMaker<Line> {
  /**
   * Connects.
   *
   * @param lose called when the connection is of no use any more
   * @param unwanted aborted where it is ended before it is there: who never says that it is would
   *   otherwise keep it for ever
   */
  open(lose: () => void, unwanted: AbortSignal): Promise<Line>
  end(line: Line): void
}

/** One connection that all calls of a system share: made when first needed, and again once it is lost. */
export class SharedLine<Line> {
  readonly #maker: LineMaker<Line>
  #current: Promise<Line> | null = null
  #unwanted = new AbortController()

  constructor(maker: LineMaker<Line>) {
    this.#maker = maker
  }

  /** Rejects where no connection can be made; the next call tries anew. */
  get(): Promise<Line> {
    if (this.#current !== null) return this.#current
    const lose = () => {
      if (this.#current === line) this.#current = null
    }
    this.#unwanted = new AbortController()
    const line = this.#maker.open(lose, this.#unwanted.signal)
    this.#current = line
    line.catch(lose)
    return line
  }

  /** Ends the connection, if there is one, with all that is under way on it. */
  end(): void {
    const line = this.#current
    this.#current = null
    this.#unwanted.abort()
    line?.then(this.#maker.end).catch(() => {})
  }
}

/**
 * Hands each payload over on the one line, as JSON, all of them at once.
 *
 * @param write answers for one delivery, given its payload's text
 * @param judge says what it means that there is no line, or that `write` rejects
 */
export function writeOver<Line>(
  line: SharedLine<Line>,
  deadline: Deadline,
  write: (delivery: Delivery, text: string, line: Line) => Promise<WriteAnswer>,
  judge: (error: unknown, stage: CallStage) => Refusal,
): Bulk['writeMany'] {
  async function writeOne(delivery: Delivery, open: Line): Promise<WriteAnswer> {
    const text = serialize(delivery.payload)
    if (typeof text !== 'string') return text
    try {
      return await write(delivery, text, open)
    } catch (error) {
      return judge(error, 'write')
    }
  }

  return async (deliveries, signal) => {
    const ended = await within(deadline, signal, async (cut) => {
      const open = await line.get()
      // Whoever was told that it came to nothing may have gone elsewhere meanwhile.
      cut.throwIfAborted()
      return Promise.all(deliveries.map((delivery) => writeOne(delivery, open)))
    })
    if (ended.kind === 'done') return ended.value
    // Who says nothing may be gone without a word: the next call makes a new connection.
    if (ended.kind === 'timeout') line.end()
    const refusal = refusalOf(ended, 'write', deadline.timeout, judge)
    return deliveries.map(() => refusal)
  }
}
