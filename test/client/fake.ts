import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import type { IngestRequest, RequestStatus, Result } from '../../src/client/index.ts'

/** What a client sent. */
export interface Received {
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

/** An answer out of the ordinary; `silence` leaves the call open until the client gives up. */
export type Answer =
  | 'silence'
  | {
      readonly status: number
      readonly headers?: Readonly<Record<string, string>>
      readonly body: unknown
    }

/**
 * A server that speaks the contract without doing any work: every look at a request finds a quarter
 * of its mappings more finished, and those whose target is "broken" failed.
 */
export class FakeSluice implements AsyncDisposable {
  readonly received: Received[] = []
  /** Given, in order, in place of the ordinary answers. */
  readonly answers: Answer[] = []
  mode: 'demo' | 'configured' = 'demo'
  readonly #requests: FakeRequest[] = []
  readonly #server: Server

  private constructor() {
    this.#server = createServer((incoming, response) => {
      void this.#handle(incoming, response)
    })
  }

  static async start(): Promise<FakeSluice> {
    const fake = new FakeSluice()
    fake.#server.listen(0, '127.0.0.1')
    await once(fake.#server, 'listening')
    return fake
  }

  get url(): string {
    const address = this.#server.address()
    return `http://127.0.0.1:${typeof address === 'object' ? address?.port : address}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(incoming.url ?? '/', this.url)
    const { method = '', headers } = incoming
    const query = Object.fromEntries(url.searchParams)
    const received = { method, path: url.pathname, query, headers, body: await text(incoming) }
    this.received.push(received)
    const answer = this.answers.shift() ?? this.#ordinary(received)
    if (answer === 'silence') return
    const body = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body)
    response.writeHead(answer.status, answer.headers).end(body)
  }

  #ordinary({ method, path, query, body }: Received): Answer {
    const [, place, id, results] = path.split('/')
    const request = this.#requests.find((candidate) => candidate.id === id)
    if (method === 'POST' && place === 'ingest') return this.#take(JSON.parse(body))
    if (place === 'health') return { status: 200, body: this.#health() }
    if (place === 'requests') return { status: 200, body: this.#list(query) }
    if (request === undefined) return problem(404, 'not-found', 'There is no such request.')
    return { status: 200, body: results ? request.page(query) : request.look() }
  }

  #take(body: IngestRequest): Answer {
    const id = `request-${this.#requests.length + 1}`
    const request = new FakeRequest(id, body)
    this.#requests.push(request)
    return {
      status: 202,
      body: {
        request_id: id,
        status: 'pending',
        message: `Follow it at /status/${id}`,
        total_mappings: body.mappings.length,
      },
    }
  }

  #list({ limit = '1000', cursor = '0' }: Readonly<Record<string, string>>) {
    const from = Number(cursor)
    const to = from + Number(limit)
    const requests = this.#requests.toReversed().slice(from, to)
    return {
      requests: requests.map((request) => request.status()),
      next_cursor: to < this.#requests.length ? String(to) : null,
    }
  }

  #health() {
    return {
      status: 'healthy',
      timestamp: '2026-01-31T12:00:00.000Z',
      active_requests: this.#requests.length,
      version: '0.0.0',
      store: 'sqlite',
      mode: this.mode,
      checks: {},
    }
  }
}

/** A problem document, as an answer. */
export function problem(
  status: number,
  slug: string,
  detail: string,
  more: { readonly errors?: readonly unknown[]; readonly headers?: Record<string, string> } = {},
): Answer {
  const { errors, headers = {} } = more
  return {
    status,
    headers: { 'content-type': 'application/problem+json', ...headers },
    body: { type: `/problems/${slug}`, title: slug, status, detail, instance: 'answer-1', errors },
  }
}

class FakeRequest {
  readonly id: string
  readonly #request: IngestRequest
  readonly #results: readonly Result[]
  #processed = 0

  constructor(id: string, request: IngestRequest) {
    this.id = id
    this.#request = request
    this.#results = request.mappings.map(({ id, source, target }) => ({
      id,
      source,
      target,
      attempts: 1,
      finished_at: '2026-01-31T12:00:01.000Z',
      duration_ms: 48,
      ...(target === 'broken'
        ? { status: 'failed', result: null, error: REJECTION }
        : { status: 'completed', result: {}, error: null }),
    }))
  }

  look(): RequestStatus {
    const total = this.#results.length
    this.#processed = Math.min(total, this.#processed + Math.ceil(total / 4))
    return this.status()
  }

  status(): RequestStatus {
    const total = this.#results.length
    const done = this.#results.slice(0, this.#processed)
    const failed = done.filter(({ status }) => status === 'failed').length
    const finished = this.#processed === total
    return {
      request_id: this.id,
      status: finished ? (failed > 0 ? 'failed' : 'completed') : 'in_progress',
      progress: Math.floor((100 * this.#processed) / total),
      total_mappings: total,
      processed_mappings: this.#processed,
      failed_mappings: failed,
      completed_mappings: this.#processed - failed,
      cancelled_mappings: 0,
      details: null,
      priority: this.#request.priority ?? 'MEDIUM',
      created_at: '2026-01-31T12:00:00.000Z',
      started_at: '2026-01-31T12:00:00.000Z',
      finished_at: finished ? '2026-01-31T12:00:03.400Z' : null,
      eta_seconds: finished ? null : 130,
      waiting_on: [],
      retry_of: null,
      callback: null,
      metadata: this.#request.metadata ?? {},
    }
  }

  page({ limit = '1000', cursor = '0', status }: Readonly<Record<string, string>>) {
    const chosen = this.#results.filter(
      (result) => status === undefined || result.status === status,
    )
    const from = Number(cursor)
    const to = from + Number(limit)
    return {
      ...this.status(),
      results: chosen.slice(from, to),
      next_cursor: to < chosen.length ? String(to) : null,
    }
  }
}

const REJECTION = {
  code: 'target_rejected',
  message: 'it answered 422',
  stage: 'write',
  http_status: 422,
  attempts: 1,
} as const
