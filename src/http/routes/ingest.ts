import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Acceptance, accept, type Receipt } from '../../intake/accept.ts'
import type { OnInvalid } from '../../intake/parse.ts'
import { planWhole } from '../../intake/plan.ts'
import { type Refusal, refuse } from '../../intake/problem.ts'
import { readOptions } from '../../intake/query.ts'
import type { UploadEnding, UploadOrder } from '../../intake/upload.ts'
import { type Backlog, overloaded, refuseOverloaded } from '../backlog.ts'
import { readSmall, takeStreams, uploadFormOf } from '../body.ts'
import { keyOf, sendKeyProblem } from '../idempotency.ts'
import { type IngestParameters, ingestSchema } from '../ingest-schema.ts'
import type { UploadForm } from '../negotiation.ts'
import type { HttpPorts } from '../ports.ts'
import { sendBadInput, sendProblem } from '../problem.ts'
import { sendRehearsal } from '../rehearsal.ts'
import { Stopping, TooSlow, type Uploads } from '../uploads.ts'

/** A body of JSON that is no larger is read here; every other one by a thread of its own. */
const SMALL_BYTES_MAX = 1_000_000

/** The same where bad mappings are skipped: all that is wrong with each is found out, however many they are. */
const SMALL_BYTES_MAX_SKIPPING = 100_000

interface Ingest {
  /** Undefined where there is none. */
  readonly Body: IncomingMessage | undefined
  readonly Querystring: IngestParameters
}

type IngestRequest = FastifyRequest<Ingest>

/** `POST /ingest`. */
export function ingestRoutes(
  app: FastifyInstance,
  ports: HttpPorts,
  backlog: Backlog,
  uploads: Uploads,
): void {
  const { clock, emit, limits, tenant } = ports

  takeStreams(app)
  app.post<Ingest>('/ingest', { schema: ingestSchema, onRequest: refuseUnread, handler: ingest })

  function refuseUnread(request: IngestRequest, reply: FastifyReply, done: () => void): void {
    const form = uploadFormOf(request, reply)
    if (form === null) return
    const max = form.format === 'json' ? limits.maxBody : limits.maxStream
    if (!isRehearsal(request) && refuseOverloaded(backlog, reply)) return
    if ((lengthOf(request) ?? 0) > max) {
      reply.header('connection', 'close')
      sendTooLarge(reply)
    } else {
      done()
    }
  }

  async function ingest(request: IngestRequest, reply: FastifyReply): Promise<FastifyReply> {
    const startedAt = clock.now()
    const given = keyOf(request)
    if ('kind' in given) return sendBadInput(reply, given)
    const form = uploadFormOf(request, reply)
    if (form === null) return reply
    const content = contentOf(form, request.query)
    if (content.kind === 'refused') return sendBadInput(reply, content)

    const onInvalid = request.query.on_invalid ?? 'refuse'
    const submission = { tenant, idempotencyKey: given.key, onInvalid }
    if (isSmall(form, request)) {
      const body = request.body === undefined ? Buffer.of() : await readSmall(request.body)
      const treat = isRehearsal(request) ? planWhole : accept
      return answer(await treat({ ...submission, body }, ports))
    }
    const { encoding } = form
    const order = { ...submission, encoding, isRehearsal: isRehearsal(request) }
    return receive({ ...order, content: content.content })

    async function receive(order: UploadOrder): Promise<FastifyReply> {
      if (request.body === undefined) throw new Error('what has a length has a body')
      if (uploads.isFull) return sendProblem(reply, 'overloaded', TOO_MANY_UPLOADS)
      try {
        const ending = await uploads.receive(request.body, (bytes) => ports.upload(order, bytes))
        return await answer(ending)
      } catch (error) {
        if (error instanceof Stopping) return sendProblem(reply, 'draining', STOPPING)
        if (error instanceof TooSlow) return sendProblem(reply, 'request-timeout', TOO_SLOW)
        throw error
      }
    }

    async function answer(ending: UploadEnding): Promise<FastifyReply> {
      if (ending.kind === 'planned') {
        const why = backlog.isFull() ? overloaded(backlog) : null
        return sendRehearsal(reply, ending, { ...submission, overloaded: why }, ports)
      }
      if (ending.kind !== 'accepted') return sendRefusal(reply, ending)
      const { total, priority, batches, replayed } = ending
      if (!replayed) {
        backlog.add(total)
        const durationMs = clock.now() - startedAt
        const event = 'request_accepted'
        const { request: id } = ending
        emit({ event, request: id, tenant, priority, mappings: total, batches, durationMs })
      }
      return sendReceipt(reply, ending, onInvalid)
    }
  }

  /** What the body holds, with the options that its address gives. */
  function contentOf(
    { format }: UploadForm,
    { on_invalid: _, validate_only: __, ...query }: IngestParameters,
  ): Refusal | { readonly kind: 'content'; readonly content: UploadOrder['content'] } {
    if (format === 'json') {
      const names = Object.keys(query)
      return names.length === 0 ? JSON_CONTENT : refuse(names.map(misplaced))
    }
    const read = readOptions(query, ports.callbacks, clock.now())
    if (read.kind === 'refused') return read
    const { options, terms } = read
    return { kind: 'content', content: { format, options, terms } }
  }
}

const JSON_CONTENT = { kind: 'content', content: { format: 'json' } } as const

/** Null where nobody knows before it has come. */
function lengthOf({ headers }: IngestRequest): number | null {
  const { 'content-length': length, 'transfer-encoding': encoding } = headers
  if (length !== undefined) return Number(length)
  return encoding === undefined ? 0 : null
}

function isSmall({ format, encoding }: UploadForm, request: IngestRequest): boolean {
  if (format !== 'json' || encoding !== 'identity') return false
  const length = lengthOf(request)
  const isSkipping = request.query.on_invalid === 'skip'
  return length !== null && length <= (isSkipping ? SMALL_BYTES_MAX_SKIPPING : SMALL_BYTES_MAX)
}

function misplaced(name: string) {
  const detail =
    'Put this into the JSON body. Only with NDJSON and CSV does it go into the query string.'
  return { pointer: `#/query/${name}`, code: 'misplaced_parameter', detail } as const
}

function isRehearsal({ query }: IngestRequest): boolean {
  return query.validate_only === 'true'
}

const TOO_MANY_UPLOADS =
  'As many large bodies are being received as may be at once (SLUICE_MAX_UPLOADS); try again later.'
const STOPPING = 'This instance is about to stop, and keeps nothing of this; send it again.'
const TOO_SLOW = 'Send the body without long pauses. Nothing of it is kept.'

function sendRefusal(reply: FastifyReply, acceptance: Exclude<Acceptance, Receipt>): FastifyReply {
  switch (acceptance.kind) {
    case 'refused':
      return sendBadInput(reply, acceptance)
    case 'too-large':
      return sendTooLarge(reply)
    case 'conflict':
    case 'receiving':
      return sendKeyProblem(reply, acceptance.kind)
  }
}

function sendTooLarge(reply: FastifyReply): FastifyReply {
  return sendProblem(reply, 'body-too-large', 'Send less at once, as several requests.')
}

/** The text is put together by hand: this answer is given twenty thousand times a second. */
function sendReceipt(
  reply: FastifyReply,
  { request, total, skipped, replayed }: Receipt,
  onInvalid: OnInvalid,
): FastifyReply {
  if (replayed) reply.header('idempotency-replayed', 'true')
  const path = `/status/${request}`
  const more = onInvalid === 'skip' ? `,"skipped_mappings":${skipped}` : ''
  return reply
    .code(202)
    .header('location', path)
    .header('content-type', 'application/json; charset=utf-8')
    .send(
      `{"request_id":"${request}","status":"pending","message":"Ingestion request created successfully. Follow it at ${path}","total_mappings":${total}${more}}`,
    )
}
