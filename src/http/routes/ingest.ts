import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import Type, { type Static } from 'typebox'
import { accept, type Receipt } from '../../intake/accept.ts'
import { idempotencyKeyIn } from '../../intake/idempotency-key.ts'
import { refuse } from '../../intake/problem.ts'
import { IngestSchema } from '../../intake/schema.ts'
import type { Backlog } from '../backlog.ts'
import { refuseBody } from '../body.ts'
import { answer, refusals, STORE_PROBLEMS } from '../documented.ts'
import type { HttpPorts } from '../ports.ts'
import { sendBadInput, sendProblem } from '../problem.ts'
import { KEY_IN_USE, KEY_REUSED } from '../rehearsal.ts'
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
  headers: Type.Object({
    'idempotency-key': Type.Optional(
      Type.String({
        description:
          '1 to 255 visible ASCII characters, bare or quoted. With the same body, the first answer comes again.',
        examples: ['nightly-2026-01-31'],
      }),
    ),
  }),
  querystring: Query,
  body: IngestSchema,
  response: {
    200: answer('With `validate_only`: what would happen.', View),
    202: answer('The request is on disk and will be carried out.', ReceiptSchema, {
      Location: { type: 'string', description: 'Where to follow it.' },
      'Idempotency-Replayed': {
        type: 'string',
        description: '`true` where the key was used before; nothing new was stored.',
      },
    }),
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
      'idempotency-in-progress',
      'idempotency-key-reused',
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
  const overloaded = `At most ${limits.maxBacklog} mappings may be open at once; try again later.`

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
    if (backlog.isFull() && !isRehearsal(request)) sendProblem(reply, 'overloaded', overloaded)
    else done()
  }

  async function ingest(request: FastifyRequest<Ingest>, reply: FastifyReply) {
    const startedAt = clock.now()
    const header = request.headers['idempotency-key']
    const idempotencyKey = typeof header === 'string' ? idempotencyKeyIn(header) : null
    if (header !== undefined && idempotencyKey === null) return sendBadInput(reply, INVALID_KEY)

    const submission = { tenant, body: request.body, idempotencyKey }
    if (isRehearsal(request)) {
      return sendRehearsal(reply, submission, backlog.isFull() ? overloaded : null, ports)
    }
    const acceptance = await accept(submission, ports)
    if (acceptance.kind === 'refused') return sendBadInput(reply, acceptance)
    if (acceptance.kind === 'conflict') {
      return sendProblem(reply, 'idempotency-key-reused', KEY_REUSED)
    }
    if (acceptance.kind === 'receiving') {
      return sendProblem(reply, 'idempotency-in-progress', KEY_IN_USE)
    }
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

const INVALID_KEY = refuse([
  {
    pointer: '#/header/idempotency-key',
    code: 'invalid_idempotency_key',
    detail: 'An Idempotency-Key is 1 to 255 visible ASCII characters, bare or quoted.',
  },
])

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
