import { lookup } from 'node:dns/promises'
import fastify, { type FastifyInstance } from 'fastify'
import type { DurationMs } from '../core/units.ts'
import type { Event } from '../observe/events.ts'
import { watchBacklog } from './backlog.ts'
import { takeBytes } from './body.ts'
import { createDrain } from './drain.ts'
import {
  answerClientError,
  answerErrors,
  answerExpectation,
  answerRefusal,
  answerUnknownRoutes,
} from './errors.ts'
import { createFollowing, type Following } from './follow.ts'
import { whyNotListening } from './listen.ts'
import { negotiate } from './negotiation.ts'
import { describeRoutes } from './openapi.ts'
import { guardOrigins } from './origin.ts'
import { compileParameters } from './parameters.ts'
import type { HttpPorts } from './ports.ts'
import { protect, sendProblem } from './problem.ts'
import { cancelRoutes } from './routes/cancel.ts'
import { docsRoutes } from './routes/docs.ts'
import { eventsRoutes } from './routes/events.ts'
import { failuresRoutes } from './routes/failures.ts'
import { healthRoutes } from './routes/health.ts'
import { ingestRoutes } from './routes/ingest.ts'
import { requestsRoutes } from './routes/requests.ts'
import { resultsRoutes } from './routes/results.ts'
import { retryRoutes } from './routes/retry.ts'
import { lookUp, statusRoutes } from './routes/status.ts'
import { systemsRoutes } from './routes/systems.ts'
import { Uploads } from './uploads.ts'

/** The API server. */
export interface HttpServer {
  /**
   * Starts to take requests; gives the address as a URL.
   *
   * @throws when the port or the host cannot be had; the message tells what to set
   */
  listen(): Promise<string>
  /**
   * Takes no more requests, lets those that are being answered finish, and resolves when every
   * connection is closed: at the deadline, by force.
   */
  close(deadline: DurationMs): Promise<void>
  /** Hears what happens in this process, so that those who follow a request learn of its end at once. */
  hear(event: Event): void
  /** For tests that need no socket. */
  readonly app: FastifyInstance
}

const HEADERS_SIZE_MAX = 16_384

const JSON_ONLY = ['application/json']

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The media types that a route can answer with, the usual one first; JSON where it says nothing. */
    readonly offers?: readonly string[]
  }
}

/** Puts the API server together; it takes no requests yet. */
export function createServer(ports: HttpPorts): HttpServer {
  const { clock, limits, timeouts, emit } = ports
  const uploads = new Uploads(clock, timeouts.upload, limits.maxUploads)
  const app = fastify({
    http: {
      maxHeaderSize: HEADERS_SIZE_MAX,
      headersTimeout: timeouts.headers,
      connectionsCheckingInterval: timeouts.check,
    },
    requestTimeout: timeouts.request,
    keepAliveTimeout: timeouts.keepAlive,
    return503OnClosing: false,
    routerOptions: { maxParamLength: HEADERS_SIZE_MAX },
    genReqId: numbered(ports.newId(clock.now())),
    clientErrorHandler: (error, socket) => {
      const isPatient = error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && uploads.isReceiving(socket)
      if (isPatient) return
      // Whatever was said now would be read as part of the answer that is under way.
      if (drain.isAnswering(socket)) socket.destroy()
      else answerClientError(error, socket)
    },
    frameworkErrors: answerRefusal,
  })
  app.server.maxConnections = limits.maxConnections
  app.server.on('checkExpectation', answerExpectation)
  const drain = createDrain(app.server, clock, (socket) => uploads.isReceiving(socket))
  const following = createFollowing((id) => lookUp(ports, id), clock)

  app.setValidatorCompiler(compileParameters)
  app.setSerializerCompiler(() => (answer) => JSON.stringify(answer))
  answerErrors(app, emit)
  answerUnknownRoutes(app, ports.offers)

  guardOrigins(app, ports.names)
  app.addHook('onRequest', (request, reply, done) => {
    if (!drain.isDraining || request.routeOptions.url === '/livez') return done()
    reply.header('connection', 'close')
    sendProblem(reply, 'draining', 'This instance is about to stop; try again, or another one.')
  })
  app.addHook('onResponse', (request, reply, done) => {
    emit({
      event: 'http_answered',
      method: request.method,
      route: request.routeOptions.url ?? 'none',
      status: reply.statusCode,
      durationMs: reply.elapsedTime,
      instance: request.id,
    })
    done()
  })

  describeRoutes(app, ports.version)
  app.register((docs, _options, done) => {
    if (ports.offers === 'everything') docsRoutes(docs)
    done()
  })
  app.register((api, _options, done) => {
    apiRoutes(api, ports, following, uploads)
    done()
  })

  return {
    app,
    async listen() {
      const { host, port } = ports
      try {
        // Given localhost, Fastify may make a second server for ::1, of which neither the drain nor a limit knows.
        const { address } = await lookup(host)
        return await app.listen({ host: address, port })
      } catch (cause) {
        throw new Error(whyNotListening(cause, ports), { cause })
      }
    },
    async close(deadline) {
      drain.begin(deadline)
      following.close()
      uploads.stop()
      await app.close()
      drain.end()
    },
    hear(event) {
      if (event.event === 'request_finished') following.hint(event.request)
    },
  }
}

function apiRoutes(
  api: FastifyInstance,
  ports: HttpPorts,
  following: Following,
  uploads: Uploads,
): void {
  takeBytes(api)
  api.addHook('onRequest', (request, reply, done) => {
    protect(reply)
    const offers = request.routeOptions.config.offers ?? JSON_ONLY
    if (negotiate(request.headers.accept, offers) !== null) return done()
    sendProblem(reply, 'not-acceptable', `Accept ${offers.join(', or ')}.`)
  })
  healthRoutes(api, ports)
  if (ports.offers === 'health') return
  const backlog = watchBacklog(ports.store, ports.clock, ports.limits.maxBacklog)
  api.register((intake, _options, done) => {
    ingestRoutes(intake, ports, backlog, uploads)
    done()
  })
  statusRoutes(api, ports, following)
  eventsRoutes(api, ports, following)
  resultsRoutes(api, ports)
  failuresRoutes(api, ports)
  requestsRoutes(api, ports)
  cancelRoutes(api, ports)
  retryRoutes(api, ports, backlog)
  systemsRoutes(api, ports)
}

/** Names answers `<boot>-1`, `<boot>-2`, …: unique, and cheap. */
function numbered(boot: string): () => string {
  let count = 0
  return () => `${boot}-${++count}`
}
