import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import Type, { type Static } from 'typebox'
import { accept, type Receipt } from '../../intake/accept.ts'
import { IngestSchema } from '../../intake/schema.ts'
import { type Backlog, overloaded, refuseOverloaded } from '../backlog.ts'
import { refuseBody } from '../body.ts'
import { answer, refusals, STORE_PROBLEMS } from '../documented.ts'
import {
  IdempotencyHeaders,
  KEY_PROBLEMS,
  keyOf,
  RECEIPT_HEADERS,
  sendKeyProblem,
} from '../idempotency.ts'
import type { HttpPorts } from '../ports.ts'
import { sendBadInput } from '../problem.ts'
import type { RehearsalView } from '../rehearsal-schema.ts'
import { rehearsalParameters, sendRehearsal } from './rehearsal.ts'

const ReceiptSchema = Type.Object(
  {
    request_id: Type.String({ format: 'uuid' }),
    status: Type.Literal('pending'),
    message: Type.String(),
    total_mappings: Type.Integer({ minimum: 1 }),
  },
  {
    examples: [
      {
        request_id: '01985a3c-6c1e-7d3a-9a55-0d6f1f0e8a11',
        status: 'pending',
        message:
          'Ingestion request created successfully. Follow it at /status/01985a3c-6c1e-7d3a-9a55-0d6f1f0e8a11',
        total_mappings: 1,
      },
    ],
  },
)

const Query = Type.Object(rehearsalParameters, { additionalProperties: false })
const View = Type.Unsafe<RehearsalView>({ $ref: 'Rehearsal#' })

const schema = {
  summary: 'Hand in mappings',
  description:
    'Answered once the whole request is on disk. All or nothing: every bad mapping is reported, the first 100 of them.',
  operationId: 'ingest',
  tags: ['Requests'],
  consumes: ['application/json'],
  headers: IdempotencyHeaders,
  querystring: Query,
  body: IngestSchema,
  response: {
    200: answer('With `validate_only`: what would happen.', View),
    202: answer('The request is on disk and will be carried out.', ReceiptSchema, RECEIPT_HEADERS),
    ...refusals(
      ...STORE_PROBLEMS,
      'malformed-json',
      'invalid-utf8',
      'too-deep',
      'validation-failed',
      'duplicate-mapping-id',
      'unknown-system',
      'invalid-expression',
      'forbidden-url',
      'body-too-large',
      'too-many-mappings',
      'unsupported-media-type',
      'unsupported-encoding',
      ...KEY_PROBLEMS,
      'overloaded',
    ),
  },
}

interface Ingest {
  readonly Body: Buffer
  readonly Querystring: Static<typeof Query>
}

/** `POST /ingest`. */
export function ingestRoutes(app: FastifyInstance, ports: HttpPorts, backlog: Backlog): void {
  const { clock, emit, limits, tenant } = ports

  app.removeAllContentTypeParsers()
  // Intake reads the bytes themselves.
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body),
  )

  app.post<Ingest>('/ingest', {
    schema,
    bodyLimit: limits.maxBody,
    onRequest: refuseUnread,
    handler: ingest,
  })

  function refuseUnread(
    request: FastifyRequest<Ingest>,
    reply: FastifyReply,
    done: () => void,
  ): void {
    if (refuseBody(request, reply)) return
    if (isRehearsal(request) || !refuseOverloaded(backlog, reply)) done()
  }

  async function ingest(request: FastifyRequest<Ingest>, reply: FastifyReply) {
    const startedAt = clock.now()
    const given = keyOf(request)
    if ('kind' in given) return sendBadInput(reply, given)

    const submission = { tenant, body: request.body, idempotencyKey: given.key }
    if (isRehearsal(request)) {
      return sendRehearsal(reply, submission, backlog.isFull() ? overloaded(backlog) : null, ports)
    }
    const acceptance = await accept(submission, ports)
    if (acceptance.kind === 'refused') return sendBadInput(reply, acceptance)
    if (acceptance.kind !== 'accepted') return sendKeyProblem(reply, acceptance.kind)
    const { total, priority, batches, replayed } = acceptance
    if (!replayed) {
      backlog.add(total)
      const durationMs = clock.now() - startedAt
      const event = 'request_accepted'
      emit({
        event,
        request: acceptance.request,
        tenant,
        priority,
        mappings: total,
        batches,
        durationMs,
      })
    }
    return sendReceipt(reply, acceptance)
  }
}

function isRehearsal({ query }: FastifyRequest<Ingest>): boolean {
  return query.validate_only === 'true'
}

/** The text is put together by hand: this answer is given twenty thousand times a second. */
function sendReceipt(reply: FastifyReply, { request, total, replayed }: Receipt): FastifyReply {
  if (replayed) reply.header('idempotency-replayed', 'true')
  const path = `/status/${request}`
  return reply
    .code(202)
    .header('location', path)
    .header('content-type', 'application/json; charset=utf-8')
    .send(
      `{"request_id":"${request}","status":"pending","message":"Ingestion request created successfully. Follow it at ${path}","total_mappings":${total}}`,
    )
}
