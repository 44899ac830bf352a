import { followed, waited } from './following.ts'
import { idempotencyKeyOf } from './key.ts'
import type {
  CallOptions,
  ExportOptions,
  RequestsFilter,
  ResultsFilter,
  RetryOptions,
  SluiceOptions,
  StreamOptions,
  SubmitOptions,
  SystemChange,
  WaitOptions,
} from './options.ts'
import { paged } from './paged.ts'
import type { Rehearsal } from './rehearsal.ts'
import { repeated } from './repeat.ts'
import { submitStreaming, submitWhole } from './submission.ts'
import type { System, SystemList } from './system.ts'
import { Transport } from './transport.ts'
import type { MappingSource } from './upload.ts'
import type {
  FailureGroup,
  Health,
  IngestRequest,
  Receipt,
  RequestList,
  RequestStatus,
  Result,
  ResultsPage,
  RetryReceipt,
} from './wire.ts'

/**
 * A client of one Sluice server. Every call rejects with `SluiceError` when Sluice says no, with
 * `SluiceUnreachable` when nothing answers, and with the reason of its signal when that is aborted.
 *
 * @example
 * const sluice = new Sluice({ baseUrl: 'http://localhost:8000' })
 */
export class Sluice {
  readonly #transport: Transport

  /** @throws TypeError if `baseUrl` is not an http or https URL, or has more in it than a path */
  constructor(options: SluiceOptions = {}) {
    const { baseUrl = 'http://localhost:8000', timeoutMs = 30_000 } = options
    this.#transport = new Transport(baseUrl, options.fetch ?? fetch, timeoutMs)
  }

  /**
   * Hands over a request. Once this resolves, the request is on disk and will be carried out. Where
   * no answer comes it is sent again, a few times; its idempotency key sees to it that it is taken
   * once.
   *
   * @param request the request, or its JSON text, which is sent as it is
   * @throws TypeError if the idempotency key is not one
   *
   * @example
   * const { request_id } = await sluice.submit({
   *   mappings: [{ id: 'ada', source: 'crm', target: 'newsletter', data: { list: 'customers' } }],
   *   priority: 'HIGH',
   * })
   */
  submit(request: IngestRequest | string, options: SubmitOptions = {}): Promise<Receipt> {
    return submitWhole(this.#transport, 'take', request, options)
  }

  /**
   * Hands over a request of any length without ever holding it whole: mappings as they are made, or
   * the bytes of a file. The source is read no faster than Sluice takes it in. All of it is taken, or
   * nothing. A stream is sent once, a Blob again where no answer comes.
   *
   * @throws TypeError if the idempotency key is not one; and whatever the source throws
   *
   * @example
   * async function* contacts() {
   *   for (let id = 1; id <= 10_000; id++) yield { id: `contact-${id}`, source: 'crm', target: 'newsletter' }
   * }
   * await sluice.submitStream(contacts(), { priority: 'LOW' })
   *
   * @example
   * const csv = new Blob(['id,source,target,email\nada,crm,newsletter,ada@example.com\n'])
   * await sluice.submitStream(csv, { format: 'csv' })
   */
  submitStream(source: MappingSource, options: StreamOptions = {}): Promise<Receipt> {
    return submitStreaming(this.#transport, 'take', source, options)
  }

  /**
   * Rehearses a request: checks it as `submit` would, keeps nothing of it, and tells how long it would
   * take, and what would be sent to whom.
   *
   * @example
   * const mappings = [{ id: 'ada', source: 'crm', target: 'newsletter' }]
   * const { predicted_seconds } = await sluice.validate({ mappings })
   */
  validate(request: IngestRequest | string, options: SubmitOptions = {}): Promise<Rehearsal> {
    return submitWhole(this.#transport, 'check', request, options)
  }

  /**
   * Rehearses a request of any length, as `validate` does one that is there whole: it is read to its end,
   * as `submitStream` would have it, and nothing of it is kept anywhere.
   *
   * @example
   * const csv = new Blob(['id,source,target,email\nada,crm,newsletter,ada@example.com\n'])
   * const { total_mappings, lanes } = await sluice.validateStream(csv, { format: 'csv' })
   */
  validateStream(source: MappingSource, options: StreamOptions = {}): Promise<Rehearsal> {
    return submitStreaming(this.#transport, 'check', source, options)
  }

  /**
   * Where a request stands.
   *
   * @example
   * const { status, progress, waiting_on } = await sluice.status(id)
   */
  status(id: string, { signal }: CallOptions = {}): Promise<RequestStatus> {
    return this.#transport.call({ method: 'GET', path: statusPath(id), signal })
  }

  /**
   * Resolves with the final status once the request is finished. A server that goes away in between is
   * waited for, about a minute; one that is not there at first is not.
   *
   * @example
   * const { failed_mappings } = await sluice.wait(id, { signal: AbortSignal.timeout(60_000) })
   */
  wait(id: string, options: WaitOptions = {}): Promise<RequestStatus> {
    return waited(this.#transport, statusPath(id), options)
  }

  /**
   * The request's status whenever it changes, at most four times a second, from where it stands to its
   * end. A connection that breaks is made again; a server that goes away is waited for as in `wait`.
   *
   * @example
   * for await (const { progress } of sluice.events(id)) console.log(`${progress} %`)
   */
  events(id: string, options: CallOptions = {}): AsyncGenerator<RequestStatus, void, undefined> {
    return followed(this.#transport, statusPath(id), options)
  }

  /**
   * What became of each mapping so far, in submission order, fetched page by page as it is used: as
   * fast as a stream, and a server that goes away in between is waited for as in `wait`.
   *
   * @example
   * for await (const result of sluice.results(id, { status: 'failed' })) {
   *   console.log(result.id, result.error?.message)
   * }
   */
  results(
    id: string,
    { status, limit, signal }: ResultsFilter = {},
  ): AsyncGenerator<Result, void, undefined> {
    return paged({ limit, pageMax: RESULTS_PAGE_MAX, signal }, async (page) => {
      const { results, next_cursor } = await this.resultsPage(id, { status, signal, ...page })
      return { items: results, next_cursor }
    })
  }

  /**
   * One page of results: the first, or the one `cursor` names.
   *
   * @example
   * const { results, next_cursor } = await sluice.resultsPage(id, { limit: 20 })
   */
  resultsPage(
    id: string,
    { status, limit, cursor, signal }: ResultsFilter & { readonly cursor?: string | null } = {},
  ): Promise<ResultsPage> {
    const query = { status, limit, cursor }
    return this.#transport.call({
      method: 'GET',
      path: `${statusPath(id)}/results`,
      query,
      signal,
    })
  }

  /**
   * All results, or those of one status, as the bytes of a file; NDJSON unless told. With the status
   * `failed` the file is one that can be mended and handed over again. It rejects while it is read if
   * it breaks off, so a part is never taken for the whole.
   *
   * @example
   * const file = await sluice.exportResults(id, { format: 'csv', status: 'failed' })
   * const text = await new Response(file).text()
   */
  exportResults(
    id: string,
    { format = 'ndjson', status, limit, signal }: ExportOptions = {},
  ): Promise<ReadableStream<Uint8Array>> {
    const accept = format === 'csv' ? 'text/csv' : 'application/x-ndjson'
    return this.#transport.open({
      method: 'GET',
      path: `${statusPath(id)}/results`,
      query: { status, limit },
      headers: { accept },
      signal,
    })
  }

  /**
   * Why mappings of a request failed, in groups, the most frequent first.
   *
   * @example
   * for (const { count, target, message } of await sluice.failures(id)) {
   *   console.log(`${count} at ${target}: ${message}`)
   * }
   */
  failures(id: string, { signal }: CallOptions = {}): Promise<readonly FailureGroup[]> {
    return this.#transport.call({ method: 'GET', path: `${statusPath(id)}/failures`, signal })
  }

  /**
   * Starts nothing more of a request. What is under way ends, and counts. Rejects with the problem
   * `invalid-state` where it is finished already.
   *
   * @example
   * const { cancelled_mappings } = await sluice.cancel(id)
   */
  cancel(id: string, { signal }: CallOptions = {}): Promise<RequestStatus> {
    return this.#transport.call({ method: 'POST', path: `${requestPath(id)}/cancel`, signal })
  }

  /**
   * Hands over anew what failed or was cancelled of a finished request: all of it, or one group of its
   * failures. It becomes a request of its own, which knows what it is a retry of. Rejects with the
   * problem `invalid-state` while the request still runs, and where there is nothing to retry.
   *
   * @example
   * const { request_id } = await sluice.retry(id, { target: 'newsletter' })
   */
  async retry(id: string, options: RetryOptions = {}): Promise<RetryReceipt> {
    const { code, target, idempotencyKey, signal } = options
    const key = idempotencyKeyOf(idempotencyKey)
    const headers = { 'content-type': 'application/json', 'idempotency-key': key }
    const body = JSON.stringify({ code, target })
    const call = {
      method: 'POST',
      path: `${requestPath(id)}/retry`,
      headers,
      body,
      signal,
    } as const
    return repeated(() => this.#transport.call(call), signal)
  }

  /**
   * Requests, newest first, fetched page by page as they are used.
   *
   * @example
   * for await (const request of sluice.requests({ status: 'failed', limit: 10 })) {
   *   console.log(request.request_id, request.failed_mappings)
   * }
   */
  requests(filter: RequestsFilter = {}): AsyncGenerator<RequestStatus, void, undefined> {
    const { status, priority, createdAfter: created_after, limit, signal } = filter
    return paged({ limit, signal }, async (page) => {
      const query = { status, priority, created_after, ...page }
      const call = { method: 'GET', path: '/requests', query, signal } as const
      const list = await this.#transport.call<RequestList>(call)
      return { items: list.requests, next_cursor: list.next_cursor }
    })
  }

  /**
   * The systems, by name, fetched page by page as they are used.
   *
   * @example
   * for await (const { name, gate } of sluice.systems()) console.log(name, gate.state)
   */
  systems({ signal }: CallOptions = {}): AsyncGenerator<System, void, undefined> {
    return paged({ signal }, async ({ limit, cursor }) => {
      const call = { method: 'GET', path: '/systems', query: { limit, cursor }, signal } as const
      const list = await this.#transport.call<SystemList>(call)
      return { items: list.systems, next_cursor: list.next_cursor }
    })
  }

  /**
   * How one system is called, and how it fares.
   *
   * @example
   * const { gate, limits } = await sluice.system('newsletter')
   */
  system(name: string, { signal }: CallOptions = {}): Promise<System> {
    return this.#transport.call({ method: 'GET', path: systemPath(name), signal })
  }

  /**
   * Changes a system's limits, or pauses it, while everything runs.
   *
   * @example
   * await sluice.updateSystem('newsletter', { rate: '50/s', concurrency: null })
   */
  updateSystem(name: string, change: SystemChange, { signal }: CallOptions = {}): Promise<System> {
    return this.#transport.call({
      method: 'PATCH',
      path: systemPath(name),
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(change),
      signal,
    })
  }

  /**
   * Has a held or tripped system probed now; a throttled one opens.
   *
   * @example
   * const { gate } = await sluice.resume('newsletter')
   */
  resume(name: string, { signal }: CallOptions = {}): Promise<System> {
    return this.#transport.call({ method: 'POST', path: `${systemPath(name)}/resume`, signal })
  }

  /**
   * How the server is. Resolves also where it is unhealthy.
   *
   * @example
   * const { status, version } = await sluice.health()
   */
  health({ signal }: CallOptions = {}): Promise<Health> {
    return this.#transport.call({ method: 'GET', path: '/health', accepts: 503, signal })
  }
}

/** Sluice gives no more in a page. */
const RESULTS_PAGE_MAX = 10_000

function statusPath(id: string): string {
  return `/status/${encodeURIComponent(id)}`
}

function requestPath(id: string): string {
  return `/requests/${encodeURIComponent(id)}`
}

function systemPath(name: string): string {
  return `/systems/${encodeURIComponent(name)}`
}
