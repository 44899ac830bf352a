import { once } from 'node:events'
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import { buffer } from 'node:stream/consumers'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import type { IngestRequest, Mapping } from '../../src/client/index.ts'
import { FakeRequest } from './fake-request.ts'

/** What a client sent. */
export interface Received {
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly headers: IncomingHttpHeaders
  readonly bytes: Buffer
  readonly body: string
}

/**
 * An answer out of the ordinary: `silence` leaves the call open until the client gives up; others
 * begin well and break off, or never end; an early one does not wait for the end of the body.
 */
export type Answer =
  | Plain
  | 'silence'
  | { readonly early: Plain }
  | { readonly breaksOffAfter: string }
  | { readonly goesOnAfter: string }

interface Plain {
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
  /** Told of whatever comes, before it is answered. */
  onReceived: (received: Received) => void = () => {}
  readonly #requests: FakeRequest[] = []
  readonly #server: Server
  readonly #hungUp = Promise.withResolvers<void>()

  private constructor() {
    this.#server = createServer((incoming, response) => {
      this.#handle(incoming, response).catch(() => response.writeHead(500).end())
    })
  }

  static async start(): Promise<FakeSluice> {
    const fake = new FakeSluice()
    fake.#server.listen(0, '127.0.0.1')
    await once(fake.#server, 'listening')
    return fake
  }

  /** Resolves when a client has gone before its answer had ended. */
  get hungUp(): Promise<void> {
    return this.#hungUp.promise
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
    response.once('close', () => {
      if (!response.writableFinished) this.#hungUp.resolve()
    })
    const [next] = this.answers
    if (typeof next === 'object' && 'early' in next) {
      this.answers.shift()
      incoming.once('data', () => send(response, next.early))
      return
    }
    const url = new URL(incoming.url ?? '/', this.url)
    const { method = '', headers } = incoming
    const query = Object.fromEntries(url.searchParams)
    const bytes = await buffer(incoming)
    const received = { method, path: url.pathname, query, headers, bytes, body: String(bytes) }
    this.received.push(received)
    this.onReceived(received)
    send(response, this.answers.shift() ?? this.#ordinary(received))
  }

  #ordinary(received: Received): Plain {
    const { method, path, query } = received
    const [, place, id] = path.split('/')
    if (place === 'ingest') return this.#take(requestIn(received))
    if (place === 'health') return { status: 200, body: this.#health() }
    if (place === 'requests' && method === 'GET') return { status: 200, body: this.#list(query) }
    const request = this.#requests.find((candidate) => candidate.id === id)
    if (request === undefined) return problem(404, 'not-found', 'There is no such request.')
    return this.#ofRequest(request, received)
  }

  #ofRequest(request: FakeRequest, { path, query, headers }: Received): Plain {
    switch (path.split('/')[3]) {
      case 'results':
        return { status: 200, body: answerOf(request, query, headers.accept) }
      case 'failures':
        return { status: 200, body: request.failures() }
      case 'events':
        return { status: 200, body: request.events() }
      case 'cancel':
        return { status: 200, body: request.cancel() }
      case 'retry':
        return this.#take({ mappings: request.unfinished() }, request.id)
      default:
        return { status: 200, body: request.look() }
    }
  }

  #take(request: IngestRequest, retryOf: string | null = null): Plain {
    const id = `request-${this.#requests.length + 1}`
    this.#requests.push(new FakeRequest(id, request, retryOf))
    return {
      status: 202,
      body: {
        request_id: id,
        status: 'pending',
        message: `Follow it at /status/${id}`,
        total_mappings: request.mappings.length,
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

function send(response: ServerResponse, answer: Answer): void {
  if (answer === 'silence') return
  if ('early' in answer) send(response, answer.early)
  else if ('breaksOffAfter' in answer) {
    response.writeHead(200).write(answer.breaksOffAfter, () => response.destroy())
  } else if ('goesOnAfter' in answer) {
    response.writeHead(200).write(answer.goesOnAfter)
  } else {
    const body = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body)
    response.writeHead(answer.status, answer.headers).end(body)
  }
}

/** What was handed over, whole or in lines. */
function requestIn({ headers, query, bytes }: Received): IngestRequest {
  const type = headers['content-type']
  const text = String(unpacked(bytes, headers['content-encoding']))
  if (type === 'application/json') return JSON.parse(text)
  const lines = text.trimEnd().split('\n')
  const mappings = type === 'text/csv' ? lines.slice(1).map(fromCsv) : lines.map(fromJson)
  return { mappings, ...query }
}

function unpacked(bytes: Buffer, encoding: string | undefined): Buffer {
  if (encoding === undefined) return bytes
  return encoding === 'gzip' ? gunzipSync(bytes) : zstdDecompressSync(bytes)
}

function fromJson(line: string): Mapping {
  return JSON.parse(line)
}

function fromCsv(line: string): Mapping {
  const [id = '', source = '', target = ''] = line.split(',')
  return { id, source, target }
}

function answerOf(request: FakeRequest, query: Received['query'], accept: string | undefined) {
  if (accept === 'application/x-ndjson') return request.lines(query['status'])
  return accept === 'text/csv' ? request.csv(query['status']) : request.page(query)
}

/** A problem document, as an answer. */
export function problem(
  status: number,
  slug: string,
  detail: string,
  more: { readonly errors?: readonly unknown[]; readonly headers?: Record<string, string> } = {},
): Plain {
  const { errors, headers = {} } = more
  return {
    status,
    headers: { 'content-type': 'application/problem+json', ...headers },
    body: { type: `/problems/${slug}`, title: slug, status, detail, instance: 'answer-1', errors },
  }
}
