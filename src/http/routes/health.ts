import type { FastifyInstance } from 'fastify'
import Type, { type Static } from 'typebox'
import { answer, refusal, refusals, STORE_PROBLEMS } from '../documented.ts'
import { NoParameters } from '../parameters.ts'
import { inTime } from '../patience.ts'
import type { HttpPorts } from '../ports.ts'
import { RETRY_AFTER_S, sendProblem } from '../problem.ts'
import { timeOf } from '../time.ts'
import { watchWritable } from '../writable.ts'

const HealthSchema = Type.Object(
  {
    status: Type.Enum(['healthy', 'unhealthy'], { type: 'string' }),
    timestamp: Type.String({ format: 'date-time' }),
    active_requests: Type.Integer({
      minimum: 0,
      description: 'Requests with open mappings; 0 while the store does not answer.',
    }),
    version: Type.String(),
    store: Type.Enum(['sqlite', 'postgres'], { type: 'string' }),
    mode: Type.Enum(['demo', 'configured'], {
      type: 'string',
      description: 'demo: there is no systems file, and every name is a simulated system.',
    }),
    checks: Type.Object({ store: Type.Enum(['ok', 'unavailable'], { type: 'string' }) }),
  },
  {
    examples: [
      {
        status: 'healthy',
        timestamp: '2026-01-31T09:30:00.000Z',
        active_requests: 5,
        version: '0.1.0',
        store: 'sqlite',
        mode: 'demo',
        checks: { store: 'ok' },
      },
    ],
  },
)

const AliveSchema = Type.Object({ status: Type.Literal('alive') })
const ReadySchema = Type.Object({ status: Type.Literal('ready') })

const tags = ['Service']

const DRAINING = refusal(['draining'])

const healthSchema = {
  summary: 'See how the service is',
  operationId: 'getHealth',
  tags,
  querystring: NoParameters,
  response: {
    200: answer('It works.', HealthSchema),
    ...refusals(),
    503: {
      description:
        'The store cannot be read and written or, as a problem, the service is about to stop.',
      headers: DRAINING.headers,
      content: { ...answer('', HealthSchema).content, ...DRAINING.content },
    },
  },
}

const livezSchema = {
  summary: 'See whether the process lives',
  description: 'Asks nothing else, not even the store.',
  operationId: 'getLivez',
  tags,
  querystring: NoParameters,
  response: { 200: answer('It lives.', AliveSchema), ...refusals() },
}

const readyzSchema = {
  summary: 'See whether to send requests here',
  description: 'Says no while nothing can be stored, on a full disk for example.',
  operationId: 'getReadyz',
  tags,
  querystring: NoParameters,
  response: { 200: answer('Send them.', ReadySchema), ...refusals(...STORE_PROBLEMS) },
}

/** `GET /health`, `/livez` and `/readyz`. */
export function healthRoutes(app: FastifyInstance, ports: HttpPorts): void {
  const { store, clock } = ports
  const isWritable = watchWritable(store, clock)

  app.get('/livez', { schema: livezSchema }, (_request, reply) => reply.send({ status: 'alive' }))

  app.get('/readyz', { schema: readyzSchema }, async (_request, reply) => {
    if (await isWritable()) return reply.send({ status: 'ready' })
    const detail = 'The store cannot be written now; look for a full disk, or try again later.'
    return sendProblem(reply, 'storage-unavailable', detail)
  })

  app.get('/health', { schema: healthSchema }, async (_request, reply) => {
    const [writable, totals] = await Promise.all([isWritable(), inTime(store.totals(), clock)])
    const isHealthy = writable && totals !== null
    if (!isHealthy) reply.code(503).header('retry-after', RETRY_AFTER_S)
    return reply.send({
      status: isHealthy ? 'healthy' : 'unhealthy',
      timestamp: timeOf(clock.now()),
      active_requests: totals?.activeRequests ?? 0,
      version: ports.version,
      store: store.kind,
      mode: ports.systems.mode,
      checks: { store: isHealthy ? 'ok' : 'unavailable' },
    } satisfies Static<typeof HealthSchema>)
  })
}
