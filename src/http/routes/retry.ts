import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import Type, { type Static } from 'typebox'
import type { Request } from '../../core/request.ts'
import type { Accepted } from '../../intake/accept.ts'
import { type Retrial, retry } from '../../intake/retry.ts'
import { type Backlog, refuseOverloaded } from '../backlog.ts'
import { refuseBody } from '../body.ts'
import { answer, BODY_PROBLEMS, CHANGE_PROBLEMS, refusals } from '../documented.ts'
import {
  IdempotencyHeaders,
  KEY_PROBLEMS,
  keyOf,
  RECEIPT_HEADERS,
  sendKeyProblem,
} from '../idempotency.ts'
import { NoParameters } from '../parameters.ts'
import type { HttpPorts } from '../ports.ts'
import { sendBadInput, sendNoRequest, sendProblem } from '../problem.ts'
import { RetryFilterSchema, retryFilterIn } from '../retry-filter.ts'
import { findRequest, RequestParams } from './status.ts'

const ReceiptSchema = Type.Object(
  {
    request_id: Type.String({ format: 'uuid' }),
    status: Type.Literal('pending'),
    message: Type.String(),
    total_mappings: Type.Integer({ minimum: 1 }),
    retry_of: Type.String({ format: 'uuid' }),
  },
  {
    examples: [
      {
        request_id: '01985a40-1f02-7a31-8c55-5f3e0d1c2b70',
        status: 'pending',
        message:
          'Retry request created successfully. Follow it at /status/01985a40-1f02-7a31-8c55-5f3e0d1c2b70',
        total_mappings: 412,
        retry_of: '01985a3c-6c1e-7d3a-9a55-0d6f1f0e8a11',
      },
    ],
  },
)

/** A filter is small. */
const BODY_BYTES_MAX = 65_536

const schema = {
  summary: 'Try again what failed',
  description:
    'Makes a new request of the mappings that failed or were cancelled, in their order, with the priority, metadata and callback of the first. What never was a mapping (`invalid_mapping`) is left out. Answered once the whole new request is on disk.',
  operationId: 'retryRequest',
  tags: ['Requests'],
  consumes: ['application/json'],
  params: RequestParams,
  headers: IdempotencyHeaders,
  querystring: NoParameters,
  body: Type.Optional(RetryFilterSchema),
  response: {
    202: answer(
      'The new request is on disk and will be carried out.',
      ReceiptSchema,
      RECEIPT_HEADERS,
    ),
    ...refusals(
      ...CHANGE_PROBLEMS,
      ...KEY_PROBLEMS,
      ...BODY_PROBLEMS,
      'unknown-system',
      'not-found',
      'invalid-state',
      'overloaded',
    ),
  },
}

interface Asked {
  readonly Params: { readonly id: string }
  readonly Body: Buffer | null | undefined
}

/** `POST /requests/{id}/retry`. */
export function retryRoutes(app: FastifyInstance, ports: HttpPorts, backlog: Backlog): void {
  const { clock, emit } = ports

  app.post<Asked>('/requests/:id/retry', {
    schema,
    bodyLimit: BODY_BYTES_MAX,
    onRequest: (request, reply, done) => {
      const isRefused = mayHaveBody(request) && refuseBody(request, reply)
      if (!isRefused && !refuseOverloaded(backlog, reply)) done()
    },
    handler: async (request: FastifyRequest<Asked>, reply) => {
      const startedAt = clock.now()
      const given = keyOf(request)
      if ('kind' in given) return sendBadInput(reply, given)
      const read = retryFilterIn(request.body)
      if (read.kind === 'refused') return sendBadInput(reply, read)
      const first = await findRequest(ports, request.params.id)
      if (first === null) return sendNoRequest(reply)
      const retrial = await retry(first, read.filter, given.key, ports)
      if (retrial.kind !== 'accepted') return sendRefusal(reply, first, retrial)
      if (!retrial.replayed) {
        backlog.add(retrial.total)
        const durationMs = clock.now() - startedAt
        const { tenant, priority } = first
        const { request, total: mappings, batches } = retrial
        const facts = { request, tenant, priority, mappings, batches, durationMs }
        emit({ event: 'request_accepted', ...facts })
      }
      return sendReceipt(reply, first, retrial)
    },
  })
}

function mayHaveBody({ headers }: FastifyRequest): boolean {
  return (headers['content-length'] ?? '0') !== '0' || headers['transfer-encoding'] !== undefined
}

function sendRefusal(
  reply: FastifyReply,
  { id }: Request,
  refusal: Exclude<Retrial, Accepted>,
): FastifyReply {
  switch (refusal.kind) {
    case 'refused':
      return sendBadInput(reply, refusal)
    case 'conflict':
    case 'receiving':
      return sendKeyProblem(reply, refusal.kind)
    case 'unfinished':
      return sendProblem(reply, 'invalid-state', UNFINISHED)
    case 'unknown':
      return sendNoRequest(reply)
    case 'nothing':
      return sendProblem(reply, 'invalid-state', `${NOTHING} See /status/${id}/failures.`)
  }
}

const UNFINISHED = 'The request is not finished. Wait for its end or cancel it, and then retry.'
const NOTHING =
  'There is nothing to retry: no mapping that was taken failed in this way, or was cancelled.'

function sendReceipt(reply: FastifyReply, first: Request, { request, total, replayed }: Accepted) {
  if (replayed) reply.header('idempotency-replayed', 'true')
  const path = `/status/${request}`
  return reply
    .code(202)
    .header('location', path)
    .send({
      request_id: request,
      status: 'pending',
      message: `Retry request created successfully. Follow it at ${path}`,
      total_mappings: total,
      retry_of: first.id,
    } satisfies Static<typeof ReceiptSchema>)
}
