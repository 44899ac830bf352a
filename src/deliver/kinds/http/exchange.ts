import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'
import type { DurationMs } from '../../../core/units.ts'
import type { Answer } from './answer.ts'
import { decode, tooLarge } from './decode.ts'
import { type Failure, type Forbidden, failureOf } from './failure.ts'
import type { Cuttable, InFlight } from './in-flight.ts'

/** How one call over HTTP ended. */
export type Exchanged =
  | ({ readonly kind: 'answer' } & Answer)
  | Failure
  | Forbidden
  | { readonly kind: 'interrupted' }

/** What all calls to one system share. */
export interface Line {
  /** Whatever makes the connections; another one after `doubt`. */
  readonly pool: Dispatcher
  /** A call over this pool had no answer in time. Left out where that has ended its connection. */
  readonly doubt?: (pool: Dispatcher) => void
  readonly inFlight: InFlight
  /** From the start of a call to the last byte of its answer. */
  readonly timeout: DurationMs
  /** The largest answer, in bytes, as it comes and decoded. */
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
    const { pool } = line
    pool.dispatch(request, new Exchange(line, pool, signal, resolve))
  })
}

const INTERRUPTED: Exchanged = { kind: 'interrupted' }
const EMPTY = Buffer.alloc(0)
/** Never seen by anyone: whoever cuts a call off has said why by then. */
const CUT_OFF = new Error('cut off')

/**
 * One call in flight. A class with fields, because this runs once for every call: no closure is made
 * on the way. The library's own time-outs are off: they start anew with each piece of an answer, so a
 * slow drip or endless 1xx answers outlive them.
 */
class Exchange implements Dispatcher.DispatchHandler, Cuttable {
  readonly signal: AbortSignal
  readonly #line: Line
  readonly #pool: Dispatcher
  readonly #place: number
  readonly #resolve: (ending: Exchanged) => void
  #ended: boolean = false
  #controller: Dispatcher.DispatchController | null = null
  #status = 0
  #headers: IncomingHttpHeaders = {}
  #chunks: Buffer[] = []
  #size = 0

  constructor(
    line: Line,
    pool: Dispatcher,
    signal: AbortSignal,
    resolve: (ending: Exchanged) => void,
  ) {
    this.#line = line
    this.#pool = pool
    this.signal = signal
    this.#resolve = resolve
    this.#place = line.inFlight.add(this)
  }

  cutOff(why: 'timeout' | 'interrupted'): void {
    this.#end(why === 'timeout' ? timedOut(this.#line.timeout) : INTERRUPTED)
    this.#controller?.abort(CUT_OFF)
    if (why === 'timeout') this.#line.doubt?.(this.#pool)
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
    if (status >= 200 && Number(headers['content-length']) > this.#line.maxResponse) {
      this.#leaveUnread()
    }
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#size += chunk.length
    if (this.#size > this.#line.maxResponse) this.#leaveUnread()
    else this.#chunks.push(chunk)
  }

  onResponseEnd(): void {
    const [first = EMPTY] = this.#chunks
    const whole = this.#chunks.length <= 1 ? first : Buffer.concat(this.#chunks, this.#size)
    const encoding = this.#headers['content-encoding']
    const isPlain = encoding === undefined
    // One that came twice is a list, whatever its type says: like two in one line, joined by a comma.
    this.#answer(isPlain ? whole : decode(whole, String(encoding), this.#line.maxResponse))
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    this.#end(failureOf(error))
  }

  #leaveUnread(): void {
    this.#answer({ unread: tooLarge(this.#line.maxResponse) })
    this.#controller?.abort(CUT_OFF)
  }

  #answer(body: Answer['body']): void {
    this.#end({ kind: 'answer', status: this.#status, headers: this.#headers, body })
  }

  #end(ending: Exchanged): void {
    if (this.#ended) return
    this.#ended = true
    this.#line.inFlight.remove(this.#place)
    this.#resolve(ending)
  }
}

/** What becomes of a call that took longer than it may. */
export function timedOut(timeout: DurationMs): Failure {
  const message = `There was no complete answer within ${timeout} ms.`
  return { kind: 'failure', code: 'timeout', message }
}
