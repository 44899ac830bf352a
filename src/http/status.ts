import Type, { type Static } from 'typebox'
import { PRIORITIES } from '../core/mapping.ts'
import { processed, progress, REQUEST_STATES, type Request, remainingMs } from '../core/request.ts'
import type { EpochMs } from '../core/units.ts'

const TimeSchema = Type.String({ format: 'date-time', examples: ['2026-01-31T09:30:00.000Z'] })
const CountSchema = Type.Integer({ minimum: 0 })

/** Something, or null where there is none yet. */
export const NullableTime = Type.Union([TimeSchema, Type.Null()])

const WaitingSchema = Type.Object({
  system: Type.String(),
  gate: Type.String(),
  until: NullableTime,
  reason: Type.String(),
  mappings: CountSchema,
})

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
    started_at: NullableTime,
    finished_at: NullableTime,
    eta_seconds: Type.Union([CountSchema, Type.Null()], {
      description: 'Null where there is no pace yet to reckon with.',
    }),
    waiting_on: Type.Array(WaitingSchema, { description: 'Why it is not moving.' }),
    retry_of: Type.Union([Type.String({ format: 'uuid' }), Type.Null()]),
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
        metadata: {},
      },
    ],
  },
)

export type RequestStatus = Static<typeof StatusSchema>

/** A request as its caller sees it at `now`. */
export function statusOf(request: Request, now: EpochMs): RequestStatus {
  const remaining = remainingMs(request, now)
  return {
    request_id: request.id,
    status: request.state,
    progress: progress(request),
    total_mappings: request.total,
    processed_mappings: processed(request),
    failed_mappings: request.failed,
    details: detailsOf(request),
    completed_mappings: request.completed,
    cancelled_mappings: request.cancelled,
    priority: request.priority,
    created_at: timeOf(request.createdAt),
    started_at: nullableTimeOf(request.startedAt),
    finished_at: nullableTimeOf(request.finishedAt),
    eta_seconds: remaining === null ? null : Math.ceil(remaining / 1000),
    waiting_on: [],
    retry_of: null,
    metadata: { ...request.metadata },
  }
}

/** A moment as the API writes it: RFC 3339 in UTC, with milliseconds. */
export function timeOf(moment: EpochMs): string {
  return new Date(moment).toISOString()
}

/** The same for a moment that may not have come yet. */
export function nullableTimeOf(moment: EpochMs | null): string | null {
  return moment === null ? null : timeOf(moment)
}

function detailsOf({ id, state, failed, total }: Request): string | null {
  if (state !== 'failed') return null
  return `${failed} of ${total} mappings failed; /status/${id}/results?status=failed tells why.`
}
