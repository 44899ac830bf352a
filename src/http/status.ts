import Type, { type Static } from 'typebox'
import { CALLBACK_STATES, type CallbackReport } from '../core/callback.ts'
import { PRIORITIES } from '../core/mapping.ts'
import { processed, progress, REQUEST_STATES, type Request, remainingMs } from '../core/request.ts'
import type { EpochMs } from '../core/units.ts'
import type { MappingError } from '../core/verdict.ts'
import type { Waiting } from '../store/store.ts'
import { NullableTime, nullableTimeOf, TimeSchema, timeOf } from './time.ts'
import { freeAt, WaitingSchema, type WaitingView, waitingView } from './waiting.ts'

const CountSchema = Type.Integer({ minimum: 0 })

/** The status in an error. */
export const HttpStatusSchema = Type.Union([Type.Integer(), Type.Null()], {
  description: 'Null where it was no answer over HTTP.',
})

const CallbackSchema = Type.Object(
  {
    url: Type.String(),
    state: Type.Enum(CALLBACK_STATES, {
      type: 'string',
      description:
        'It is called when the request is finished, and again until it answers well; disabled: it has answered that it is gone.',
    }),
    attempts: CountSchema,
    last_error: Type.Union(
      [
        Type.Object({
          code: Type.String(),
          message: Type.String(),
          http_status: HttpStatusSchema,
        }),
        Type.Null(),
      ],
      { description: 'Why it failed or, while it is pending, why its last attempt did.' },
    ),
  },
  { description: 'Who is told of the end. It may change after the request is finished.' },
)

export const StatusSchema = Type.Object(
  {
    request_id: Type.String({ format: 'uuid' }),
    status: Type.Enum(REQUEST_STATES, { type: 'string' }),
    progress: Type.Integer({
      minimum: 0,
      maximum: 100,
      description: 'Whole percent; 100 only when finished.',
    }),
    total_mappings: CountSchema,
    processed_mappings: Type.Integer({
      minimum: 0,
      description: 'Those with a final verdict, the failed ones among them.',
    }),
    failed_mappings: CountSchema,
    details: Type.Union([Type.String(), Type.Null()], {
      description: 'One sentence for a person.',
    }),
    completed_mappings: CountSchema,
    cancelled_mappings: CountSchema,
    priority: Type.Enum(PRIORITIES, { type: 'string' }),
    created_at: TimeSchema,
    started_at: NullableTime('When the first of it was given to a worker; null before.'),
    finished_at: NullableTime('When the last of it came to its end; null before.'),
    eta_seconds: Type.Union([CountSchema, Type.Null()], {
      description: 'By the pace of late; null where there is none yet, or nobody can know.',
    }),
    waiting_on: Type.Array(WaitingSchema, {
      description: 'The systems that must not be called now.',
    }),
    retry_of: Type.Union([Type.String({ format: 'uuid' }), Type.Null()], {
      description: 'The request whose failures this one carries out again.',
    }),
    callback: Type.Union([CallbackSchema, Type.Null()], {
      description: 'What has become of its callback; null where it has none.',
    }),
    metadata: Type.Record(Type.String(), Type.String()),
  },
  {
    $id: 'RequestStatus',
    description: 'Where a request stands.',
    examples: [
      {
        request_id: '01985a3c-6c1e-7d3a-9a55-0d6f1f0e8a11',
        status: 'in_progress',
        progress: 75,
        total_mappings: 100,
        processed_mappings: 75,
        failed_mappings: 0,
        details: null,
        completed_mappings: 75,
        cancelled_mappings: 0,
        priority: 'HIGH',
        created_at: '2026-01-31T09:30:00.000Z',
        started_at: '2026-01-31T09:30:00.040Z',
        finished_at: null,
        eta_seconds: 3,
        waiting_on: [],
        retry_of: null,
        callback: {
          url: 'https://ops.example.com/sluice',
          state: 'pending',
          attempts: 0,
          last_error: null,
        },
        metadata: {},
      },
    ],
  },
)

export type RequestStatus = Static<typeof StatusSchema>

/**
 * A request as its caller sees it at `now`.
 *
 * @param waiting what it waits for, as the store has it
 * @param callback what has become of its callback, if it has one
 */
export function statusOf(
  request: Request,
  waiting: readonly Waiting[],
  now: EpochMs,
  callback: CallbackReport,
): RequestStatus {
  const waitingOn = waitingView(waiting, now)
  return {
    request_id: request.id,
    status: request.state,
    progress: progress(request),
    total_mappings: request.total,
    processed_mappings: processed(request),
    failed_mappings: request.failed,
    details: detailsOf(request, waitingOn, now),
    completed_mappings: request.completed,
    cancelled_mappings: request.cancelled,
    priority: request.priority,
    created_at: timeOf(request.createdAt),
    started_at: nullableTimeOf(request.startedAt),
    finished_at: nullableTimeOf(request.finishedAt),
    eta_seconds: etaOf(request, waitingOn, now),
    waiting_on: waitingOn,
    retry_of: request.terms.retryOf,
    callback: callbackView(request.terms.callbackUrl, callback),
    metadata: { ...request.metadata },
  }
}

function callbackView(url: string | null, { state, attempts, error }: CallbackReport) {
  if (url === null) return null
  return { url, state, attempts, last_error: error === null ? null : errorView(error) }
}

function errorView({ code, message, httpStatus }: MappingError) {
  return { code, message, http_status: httpStatus }
}

/** Null also where it waits for something that nobody can tell the end of. */
function etaOf(request: Request, waiting: readonly WaitingView[], now: EpochMs): number | null {
  const remaining = remainingMs(request, now)
  const free = freeAt(waiting, now)
  if (remaining === null || free === null) return null
  return Math.ceil(Math.max(remaining, free - now) / 1000)
}

function detailsOf(request: Request, waiting: readonly WaitingView[], now: EpochMs): string | null {
  const { state, closing, terms } = request
  if (request.finishedAt !== null) return endingOf(request)
  if (closing !== null) return `${CLOSING[closing]}: nothing more of it starts, and ${UNDER_WAY}.`
  if (state === 'pending' && terms.notBefore !== null && now < terms.notBefore) {
    return `Waiting for its time: nothing of it starts before ${timeOf(terms.notBefore)}.`
  }
  const [first] = waiting
  return first === undefined ? null : `Waiting for ${first.system}, which is ${first.gate}.`
}

const CLOSING = { cancelled: 'It is being cancelled', expired: 'Its time is over' } as const
const UNDER_WAY = 'calls under way may still end'

/** How a finished request came to its end; null where all of it was carried out. */
function endingOf({ id, closing, completed, failed, cancelled, total }: Request): string | null {
  const tells = `/status/${id}/results?status=failed tells why`
  const failures = `${failed} of ${total} mappings failed; ${tells}.`
  if (closing === 'expired' && failed > 0)
    return `Its time was over before it was done. ${failures}`
  if (cancelled === 0) return failed === 0 ? null : failures
  const done = `It was cancelled when ${completed} of ${total} mappings were completed`
  return failed === 0 ? `${done}.` : `${done} and ${failed} had failed; ${tells}.`
}
