import { SluiceError, SluiceUnreachable } from './errors.ts'
import type {
  RequestsFilter,
  ResultsFilter,
  SluiceOptions,
  SubmitOptions,
  SystemChange,
  WaitOptions,
} from './options.ts'
import { paged } from './paged.ts'
import { pause } from './pause.ts'
import { retryDelayMs } from './retry.ts'
import { Transport } from './transport.ts'
import type {
  Health,
  IngestRequest,
  Receipt,
  RequestList,
  RequestStatus,
  Result,
  ResultsPage,
  System,
  SystemList,
} from './wire.ts'

const GROWTH = 1.25
const SLOWEST = 10

/** How many looks in a row may go unanswered, so that `wait` outlives a restart of the server. */
const SILENCES_MAX = 10

/**
 * A client of one Sluice server. Every call rejects with `SluiceError` when Sluice says no, and with
 * `SluiceUnreachable` when nothing answers.
 */
export class Sluice {
  readonly #transport: Transport

  /** @throws TypeError if `baseUrl` is not an http or https URL, or has more in it than a path */
  constructor(options: SluiceOptions = {}) {
    const { baseUrl = 'http://localhost:8000', timeoutMs = 30_000 } = options
    this.#transport = new Transport(baseUrl, options.fetch ?? fetch, timeoutMs)
  }

  /**
   * Hands over a request. Once this resolves, the request is on disk and will be carried out. Sent
   * again by itself, a few times, where that cannot make two of it.
   *
   * @param request the request, or its JSON text, which is sent as it is
   * @throws TypeError if the idempotency key is not one
   */
  async submit(request: IngestRequest | string, options: SubmitOptions = {}): Promise<Receipt> {
    const { idempotencyKey } = options
    if (idempotencyKey !== undefined && !isIdempotencyKey(idempotencyKey)) {
      throw new TypeError('idempotencyKey must be 1 to 255 visible ASCII characters')
    }
    const body = typeof request === 'string' ? request : JSON.stringify(request)
    const key = idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }
    const headers = { 'content-type': 'application/json', ...key }
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#transport.call({ method: 'POST', path: '/ingest', headers, body })
      } catch (error) {
        const delay = retryDelayMs(error, attempt, idempotencyKey !== undefined)
        if (delay === null) throw error
        await pause(delay)
      }
    }
  }

  /** Where a request stands. */
  status(id: string, signal?: AbortSignal): Promise<RequestStatus> {
    return this.#transport.call({ method: 'GET', path: statusPath(id), signal })
  }

  /** The results of a request so far, in submission order, fetched page by page as they are used. */
  results(id: string, { status, limit }: ResultsFilter = {}): AsyncGenerator<Result> {
    return paged(limit, async (page) => {
      const { results, next_cursor } = await this.resultsPage(id, { status, ...page })
      return { items: results, next_cursor }
    })
  }

  /** One page of results: the first, or the one `cursor` names. */
  resultsPage(
    id: string,
    { status, limit, cursor }: ResultsFilter & { readonly cursor?: string | null } = {},
  ): Promise<ResultsPage> {
    const query = { status, limit, cursor }
    return this.#transport.call({ method: 'GET', path: `${statusPath(id)}/results`, query })
  }

  /** Requests, newest first, fetched page by page as they are used. */
  requests(filter: RequestsFilter = {}): AsyncGenerator<RequestStatus> {
    const { status, priority, createdAfter: created_after, limit } = filter
    return paged(limit, async (page) => {
      const query = { status, priority, created_after, ...page }
      const list = await this.#transport.call<RequestList>({
        method: 'GET',
        path: '/requests',
        query,
      })
      return { items: list.requests, next_cursor: list.next_cursor }
    })
  }

  /**
   * Looks again and again until the request is finished, and resolves with its final status. A server
   * that goes away in between is waited for, for some seconds; one that is not there at first is not.
   */
  async wait(id: string, options: WaitOptions = {}): Promise<RequestStatus> {
    const { intervalMs = 200, signal, onProgress } = options
    let status = await this.status(id, signal)
    onProgress?.(status)
    let silences = 0
    for (let delay = intervalMs; !isFinal(status); ) {
      await pause(delay, signal)
      delay = Math.min(delay * GROWTH, intervalMs * SLOWEST)
      try {
        status = await this.status(id, signal)
        silences = 0
        onProgress?.(status)
      } catch (error) {
        silences += 1
        if (!isAbsence(error) || silences >= SILENCES_MAX) throw error
      }
    }
    return status
  }

  /** The systems, by name, fetched page by page as they are used. */
  systems(): AsyncGenerator<System> {
    return paged(undefined, async (query) => {
      const call = { method: 'GET', path: '/systems', query } as const
      const list = await this.#transport.call<SystemList>(call)
      return { items: list.systems, next_cursor: list.next_cursor }
    })
  }

  /** How one system is called, and how it fares. */
  system(name: string): Promise<System> {
    return this.#transport.call({ method: 'GET', path: systemPath(name) })
  }

  /** Changes a system's limits, or pauses it, while everything runs. */
  updateSystem(name: string, change: SystemChange): Promise<System> {
    const headers = { 'content-type': 'application/json' }
    const body = JSON.stringify(change)
    return this.#transport.call({ method: 'PATCH', path: systemPath(name), headers, body })
  }

  /** Has a held or tripped system probed now; a throttled one opens. */
  resume(name: string): Promise<System> {
    return this.#transport.call({ method: 'POST', path: `${systemPath(name)}/resume` })
  }

  /** How the server is. Resolves also where it is unhealthy. */
  health(): Promise<Health> {
    return this.#transport.call({ method: 'GET', path: '/health', accepts: 503 })
  }
}

/** Whether `text` can be an idempotency key: 1 to 255 visible ASCII characters. */
export function isIdempotencyKey(text: string): boolean {
  return /^[\x21-\x7e]{1,255}$/.test(text)
}

function statusPath(id: string): string {
  return `/status/${encodeURIComponent(id)}`
}

function systemPath(name: string): string {
  return `/systems/${encodeURIComponent(name)}`
}

function isFinal({ status }: RequestStatus): boolean {
  return status === 'completed' || status === 'failed' || status === 'cancelled'
}

/** The server is away for a while: it restarts, drains or cannot reach its store. */
function isAbsence(error: unknown): boolean {
  return (
    error instanceof SluiceUnreachable || (error instanceof SluiceError && error.status === 503)
  )
}
