import { isBaseUrl, type Query, search } from './address.ts'
import { parsed, refusalOf } from './answer.ts'
import { Deadline } from './deadline.ts'
import { SluiceError, SluiceUnreachable } from './errors.ts'

type Body = Blob | ReadableStream<Uint8Array>

/** One HTTP call. */
export interface Call {
  readonly method: 'GET' | 'POST' | 'PATCH'
  readonly path: string
  readonly query?: Query
  readonly headers?: Readonly<Record<string, string>>
  /** A stream has the deadline run only while it is Sluice that is waited for. */
  readonly body?: string | ((deadline: Deadline) => Body | Promise<Body>)
  readonly signal?: AbortSignal | undefined
  /** A status that is an answer too, beside 2xx. */
  readonly accepts?: number
  /** How long Sluice was asked to hold its answer back. */
  readonly heldMs?: number
}

/** Makes one call, once. */
export class Transport {
  readonly #baseUrl: string
  readonly #fetch: typeof fetch
  readonly #timeoutMs: number

  /** @throws TypeError if `baseUrl` is not a base URL */
  constructor(baseUrl: string, fetcher: typeof fetch, timeoutMs: number) {
    if (!isBaseUrl(baseUrl)) {
      throw new TypeError('baseUrl must be a URL such as http://localhost:8000, without a password')
    }
    this.#baseUrl = baseUrl.trim().replace(/\/+$/, '')
    this.#fetch = fetcher
    this.#timeoutMs = timeoutMs
  }

  /**
   * @returns the answer's JSON, taken for `Answer`: the server is trusted to keep its contract
   * @throws SluiceError if Sluice refused, SluiceUnreachable if no answer came, and the signal's own
   * reason if it was aborted
   */
  async call<Answer>(call: Call): Promise<Answer> {
    const deadline = this.#deadline(call)
    let isAnswered = false
    try {
      const response = await this.#send(call, deadline)
      isAnswered = true
      const body = parsed(await response.text())
      if (body === undefined || !(response.ok || response.status === call.accepts)) {
        throw refusalOf(response, this.#baseUrl, body)
      }
      return body as Answer // The wire types are this contract's own description.
    } catch (error) {
      throw this.#explained(error, call, deadline, isAnswered)
    } finally {
      deadline.end()
    }
  }

  /**
   * An answer of any length. The stream breaks off with SluiceUnreachable where the connection does,
   * so that a part is never taken for the whole.
   *
   * @throws as `call` does
   */
  async open(call: Call): Promise<ReadableStream<Uint8Array>> {
    const deadline = this.#deadline(call)
    let isAnswered = false
    try {
      const response = await this.#send(call, deadline)
      isAnswered = true
      if (!response.ok || response.body === null) {
        throw refusalOf(response, this.#baseUrl, parsed(await response.text()))
      }
      return this.#watched(response.body, call, deadline)
    } catch (error) {
      throw this.#explained(error, call, deadline, isAnswered)
    } finally {
      deadline.stop()
    }
  }

  /** What is thrown where an answer ends too early. */
  brokenOff(cause?: unknown): SluiceUnreachable {
    const message = `The connection to ${this.#baseUrl} broke before the answer was complete. Try again.`
    return new SluiceUnreachable(this.#baseUrl, message, { mayHaveArrived: true, cause })
  }

  #deadline({ heldMs = 0 }: Call): Deadline {
    return new Deadline(this.#timeoutMs + heldMs)
  }

  async #send(call: Call, deadline: Deadline): Promise<Response> {
    const { method, path, query = {}, headers, signal } = call
    deadline.start()
    const body = typeof call.body === 'function' ? await call.body(deadline) : call.body
    const init = {
      method,
      headers: { accept: 'application/json', ...headers },
      signal: signal === undefined ? deadline.signal : AbortSignal.any([signal, deadline.signal]),
      ...(body === undefined ? {} : { body }),
      ...(body instanceof ReadableStream ? { duplex: 'half' as const } : {}),
    }
    return this.#fetch.call(globalThis, this.#baseUrl + path + search(query), init)
  }

  /** The deadline runs only while somebody waits for more. */
  #watched(
    body: ReadableStream<Uint8Array>,
    call: Call,
    deadline: Deadline,
  ): ReadableStream<Uint8Array> {
    const reader = body.getReader()
    const pull = async (controller: ReadableStreamDefaultController<Uint8Array>) => {
      deadline.start()
      try {
        const { done, value } = await reader.read()
        if (done) controller.close()
        else controller.enqueue(value)
      } catch (cause) {
        throw this.#ended(call, deadline) ?? this.brokenOff(cause)
      } finally {
        deadline.stop()
      }
    }
    return new ReadableStream(
      { pull, cancel: (reason) => reader.cancel(reason) },
      { highWaterMark: 0 },
    )
  }

  #explained(error: unknown, call: Call, deadline: Deadline, isAnswered: boolean): unknown {
    if (error instanceof SluiceError) return error
    const isBroken = isAnswered || isCut(error)
    return this.#ended(call, deadline) ?? (isBroken ? this.brokenOff(error) : this.#absent(error))
  }

  /** What the caller or the time has ended; null where it was neither. */
  #ended({ signal }: Call, { signal: late, limitMs }: Deadline): unknown {
    if (signal?.aborted) return signal.reason
    if (!late.aborted) return null
    const message = `${this.#baseUrl} did not answer within ${limitMs / 1000} s.`
    return new SluiceUnreachable(this.#baseUrl, message, { mayHaveArrived: true })
  }

  #absent(cause: unknown): SluiceUnreachable {
    const message = `Nothing answers at ${this.#baseUrl}. Start Sluice there, or give another address.`
    const mayHaveArrived = causeOf(cause) === undefined
    return new SluiceUnreachable(this.#baseUrl, message, { mayHaveArrived, cause })
  }
}

const CUT = /^(ECONNRESET|EPIPE|UND_ERR_(?!CONNECT_).*)$/

/** Somebody was there, and then no longer, or does not speak HTTP. */
function isCut(error: unknown): boolean {
  const cause = causeOf(error)
  if (cause === undefined) return false
  return cause.name === 'HTTPParserError' || ('code' in cause && CUT.test(String(cause.code)))
}

/** Why a call failed. Browsers do not tell whether nobody was there, or somebody no longer. */
function causeOf(error: unknown): Error | undefined {
  return error instanceof Error && error.cause instanceof Error ? error.cause : undefined
}
