/** Every way in which a request can end without its route having answered. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Emit } from '../observe/events.ts'
import { InvalidParameters } from './parameters.ts'
import type { HttpPorts } from './ports.ts'
import {
  PROBLEM_TYPE,
  PROBLEMS,
  problemDocument,
  type Slug,
  sendBadInput,
  sendProblem,
} from './problem.ts'

/** Makes problems of whatever is thrown while a request is answered. */
export function answerErrors(app: FastifyInstance, emit: Emit): void {
  app.setErrorHandler((error: unknown, request, reply) => {
    if (error instanceof InvalidParameters) return sendBadInput(reply, error.refusal)
    if (isStoreUnavailable(error)) {
      const detail = 'The store does not answer; nothing was changed. Try again later.'
      return sendProblem(reply, 'storage-unavailable', detail)
    }
    if (isRefusalOfFastify(error)) return answerRefusal(error, request, reply)
    emit({ event: 'http_failed', instance: request.id, error })
    const detail = 'This is a fault in Sluice. Its log tells more under this instance.'
    return sendProblem(reply, 'internal-error', detail)
  })
}

/** What Fastify itself refuses before it has found a route. */
export function answerRefusal(
  error: FastifyError,
  _request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  if (error.statusCode === 413) {
    reply.header('connection', 'close')
    return sendProblem(reply, 'body-too-large', 'Send less at once, as several requests.')
  }
  if (error.statusCode === 415) {
    const detail = 'Send a body as application/json, and none where none is taken.'
    return sendProblem(reply, 'unsupported-media-type', detail)
  }
  return sendProblem(reply, 'malformed-request', 'The address or the framing is not valid.')
}

/** The store's own class is out of reach from here, and does not survive threads. */
function isStoreUnavailable(error: unknown): boolean {
  return error instanceof Error && error.name === 'StoreUnavailable'
}

function isRefusalOfFastify(error: unknown): error is FastifyError {
  if (!(error instanceof Error) || !('statusCode' in error)) return false
  return typeof error.statusCode === 'number' && error.statusCode < 500
}

/** Answers 404, and 405 where another method would have found something. */
export function answerUnknownRoutes(app: FastifyInstance, offers: HttpPorts['offers']): void {
  const routes: { readonly path: RegExp; readonly methods: readonly string[] }[] = []

  app.addHook('onRoute', ({ url, method }) => {
    const pattern = url.replaceAll(/:[^/]+/g, '[^/]+').replaceAll('*', '.*')
    routes.push({ path: new RegExp(`^${pattern}$`), methods: [method].flat() })
  })

  app.setNotFoundHandler((request, reply) => {
    const [path = ''] = request.url.split('?')
    const allowed = new Set(
      routes.filter((route) => route.path.test(path)).flatMap((r) => r.methods),
    )
    if (allowed.size === 0 || allowed.has(request.method)) {
      return sendProblem(reply, 'not-found', THERE_IS[offers])
    }
    const methods = [...allowed].sort().join(', ')
    reply.header('allow', methods)
    return sendProblem(reply, 'method-not-allowed', `Only ${methods} can be used here.`)
  })
}

const THERE_IS = {
  everything: 'See /docs for what there is.',
  health: 'This process takes no requests: it only answers /livez, /readyz and /health.',
}

/** Answers what is not HTTP, or not in time, on the bare socket, and closes it. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const [slug, detail] = clientFault(error.code)
  const body = JSON.stringify(problemDocument(slug, detail))
  const head = [
    `HTTP/1.1 ${PROBLEMS[slug].status} ${PROBLEMS[slug].title}`,
    `Content-Type: ${PROBLEM_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ]
  socket.end([...head, '', body].join('\r\n'), () => socket.destroy())
}

/** Answers an Expect that is not `100-continue`; Node would do it with nothing but a status. */
export function answerExpectation(_request: IncomingMessage, response: ServerResponse): void {
  const slug = 'expectation-failed'
  const document = problemDocument(slug, 'Leave out Expect, or say 100-continue.')
  response
    .writeHead(PROBLEMS[slug].status, { 'content-type': PROBLEM_TYPE })
    .end(JSON.stringify(document))
}

function clientFault(code: string | undefined): [slug: Slug, detail: string] {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return ['headers-too-large', 'Address and headers may have 16 KB together.']
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return ['request-timeout', 'Send the headers, and then the body, without long pauses.']
    default:
      return ['malformed-request', 'Speak HTTP/1.1, with a Host and one length for the body.']
  }
}
