import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher, Pool } from 'undici'
import type { DurationMs } from '../../../core/units.ts'
import type { Cancel, Clock } from '../../../lib/clock.ts'
import type { Answer } from './answer.ts'
import { type Failure, failureOf } from './failure.ts'

/** How one call over HTTP ended. */
export type Exchanged =
  | ({ readonly kind: 'answer' } & Answer)
  | Failure
  | { readonly kind: 'interrupted' }

/** What all calls to one system share. */
export interface Line {
  readonly pool: Pool
  readonly clock: Clock
  /** From the start of a call to the last byte of its answer. */
  readonly timeout: DurationMs
  /** The largest answer, in bytes. */
  readonly maxResponse: number
}

/**
 * Sends one request and takes in the whole answer. Never rejects: a call that is aborted or too slow,
 * or whose answer is too large, is cut off and gives up its connection.
 */
export function exchange(
  line: Line,
  request: Dispatcher.DispatchOptions,
  signal: AbortSignal,
): Promise<Exchanged> {
  if (signal.aborted) return Promise.resolve(INTERRUPTED)
  return new Promise((resolve) => {
    line.pool.dispatch(request, new Exchange(line, signal, resolve))
  })
}

const INTERRUPTED: Exchanged = { kind: 'interrupted' }
const EMPTY = Buffer.alloc(0)
/** Never seen by anyone: whoever cuts a call off has said why by then. */
const CUT_OFF = new Error('cut off')

/**
 * One call in flight. A class with fields, and its own listener, because this runs once for every
 * call: no closure but the deadline's is made on the way. The library's own time-outs are off: they
 * start anew with each piece of an answer, so a slow drip or endless 1xx answers outlive them.
 */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #line: Line
  readonly #signal: AbortSignal
  readonly #resolve: (ending: Exchanged) => void
  readonly #cancelDeadline: Cancel
  #ended: boolean = false
  #controller: Dispatcher.DispatchController | null = null
  #status = 0
  #headers: IncomingHttpHeaders = {}
  #chunks: Buffer[] = []
  #size = 0

  constructor(line: Line, signal: AbortSignal, resolve: (ending: Exchanged) => void) {
    this.#line = line
    this.#signal = signal
    this.#resolve = resolve
    this.#cancelDeadline = line.clock.after(line.timeout, () => {
      this.#cutOff(failure('timeout', `There was no complete answer within ${line.timeout} ms.`))
    })
    signal.addEventListener('abort', this)
  }

  /** The signal was aborted. */
  handleEvent(): void {
    this.#cutOff(INTERRUPTED)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#ended) controller.abort(CUT_OFF)
    this.#controller = controller
  }

  /** Interim answers (1xx) come by here as well; the last one counts. */
  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    this.#status = status
    this.#headers = headers
    if (status < 200) return
    const encoding = headers['content-encoding'] ?? 'identity'
    const announced = Number(headers['content-length'])
    if (encoding !== 'identity') this.#leaveUnread('compressed')
    else if (announced > this.#line.maxResponse) this.#leaveUnread(this.#tooLarge)
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#size += chunk.length
    if (this.#size > this.#line.maxResponse) this.#leaveUnread(this.#tooLarge)
    else this.#chunks.push(chunk)
  }

  onResponseEnd(): void {
    const [first = EMPTY] = this.#chunks
    this.#answer(this.#chunks.length <= 1 ? first : Buffer.concat(this.#chunks, this.#size))
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    this.#end(failureOf(error))
  }

  get #tooLarge(): string {
    return `larger than ${this.#line.maxResponse} bytes`
  }

  #leaveUnread(unread: string): void {
    this.#answer({ unread })
    this.#controller?.abort(CUT_OFF)
  }

  #answer(body: Answer['body']): void {
    this.#end({ kind: 'answer', status: this.#status, headers: this.#headers, body })
  }

  #cutOff(ending: Exchanged): void {
    this.#end(ending)
    this.#controller?.abort(CUT_OFF)
  }

  #end(ending: Exchanged): void {
    if (this.#ended) return
    this.#ended = true
    this.#cancelDeadline()
    this.#signal.removeEventListener('abort', this)
    this.#resolve(ending)
  }
}

function failure(code: Failure['code'], message: string): Failure {
  return { kind: 'failure', code, message }
}
