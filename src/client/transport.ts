import { SluiceError, SluiceUnreachable } from './errors.ts'
import type { Problem } from './wire.ts'

/** One HTTP call. */
export interface Call {
  readonly method: 'GET' | 'POST' | 'PATCH'
  readonly path: string
  /** What is undefined or null is left out. */
  readonly query?: Readonly<Record<string, string | number | null | undefined>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly signal?: AbortSignal | undefined
  /** A status that is an answer too, beside 2xx. */
  readonly accepts?: number
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
    this.#baseUrl = baseUrl.replace(/\/+$/, '')
    this.#fetch = fetcher
    this.#timeoutMs = timeoutMs
  }

  /**
   * @returns the answer's JSON, taken for `Answer`: the server is trusted to keep its contract
   * @throws SluiceError if Sluice refused, SluiceUnreachable if no answer came, and the signal's own
   * reason if it was aborted
   */
  async call<Answer>(call: Call): Promise<Answer> {
    const { response, text } = await this.#exchange(call)
    const body = parsed(text)
    if (body !== undefined && (response.ok || response.status === call.accepts)) {
      return body as Answer // The wire types are this contract's own description.
    }
    throw new SluiceError(
      isProblem(body) ? body : this.#strange(response.status),
      retryAfterMs(response),
    )
  }

  async #exchange({ method, path, query, headers, body, signal }: Call) {
    const limit = AbortSignal.timeout(this.#timeoutMs)
    try {
      const response = await this.#fetch.call(globalThis, this.#baseUrl + path + search(query), {
        method,
        headers: { accept: 'application/json', ...headers },
        signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
        ...(body === undefined ? {} : { body }),
      })
      return { response, text: await response.text() }
    } catch (error) {
      signal?.throwIfAborted()
      throw new SluiceUnreachable(this.#baseUrl, this.#silence(limit.aborted), error)
    }
  }

  #silence(late: boolean): string {
    if (late) return `${this.#baseUrl} did not answer within ${this.#timeoutMs / 1000} s.`
    return `Nothing answers at ${this.#baseUrl}. Start it with: npm start`
  }

  #strange(status: number): Problem {
    return {
      type: 'about:blank',
      title: 'Not an answer of Sluice',
      status,
      detail: `${this.#baseUrl} answered ${status}, but not as Sluice does. Is another program there?`,
    }
  }
}

/** Whether `text` is an address that a client can be made with: no name, password or query in it. */
export function isBaseUrl(text: string): boolean {
  const url = URL.parse(text)
  if (url === null) return false
  return /^https?:$/.test(url.protocol) && url.href === url.origin + url.pathname
}

function search(query: Call['query'] = {}): string {
  const given = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null) given.set(name, String(value))
  }
  return given.size === 0 ? '' : `?${given}`
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isProblem(body: unknown): body is Problem {
  return (
    typeof body === 'object' &&
    body !== null &&
    'type' in body &&
    typeof body.type === 'string' &&
    'status' in body &&
    typeof body.status === 'number' &&
    'detail' in body &&
    typeof body.detail === 'string' &&
    (!('errors' in body) || Array.isArray(body.errors))
  )
}

/** Sluice gives whole seconds, never a date. */
function retryAfterMs(response: Response): number | null {
  const seconds = response.headers.get('retry-after') ?? ''
  return /^\d{1,6}$/.test(seconds) ? Number(seconds) * 1000 : null
}
