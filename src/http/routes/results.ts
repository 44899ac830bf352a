import type { FastifyInstance } from 'fastify'
import Type, { type Static } from 'typebox'
import { processed, REQUEST_STATES } from '../../core/request.ts'
import { MAPPING_STATES } from '../../core/verdict.ts'
import { cursorOf, positionIn } from '../cursor.ts'
import { answer, refusals, STORE_PROBLEMS } from '../documented.ts'
import { NextCursorSchema, pageLimit, pagingParameters, sendInvalidCursor } from '../paging.ts'
import type { HttpPorts } from '../ports.ts'
import { sendProblem } from '../problem.ts'
import { resultsPage } from '../results-page.ts'
import { NullableTime } from '../time.ts'
import { findRequest, NO_REQUEST, RequestParams } from './status.ts'

const Query = Type.Object(
  {
    status: Type.Optional(
      Type.Enum(MAPPING_STATES, {
        type: 'string',
        description: 'Only those that stand so; pending: not final.',
      }),
    ),
    ...pagingParameters,
  },
  { additionalProperties: false },
)

const CountSchema = Type.Integer({ minimum: 0 })

const ErrorSchema = Type.Object(
  {
    code: Type.String({ examples: ['target_rejected'] }),
    message: Type.String(),
    stage: Type.Enum(['read', 'transform', 'write'], { type: 'string' }),
    http_status: Type.Union([Type.Integer(), Type.Null()]),
    attempts: CountSchema,
  },
  { description: 'Why it failed or, where it is pending or cancelled, why its last attempt did.' },
)

const ResultSchema = Type.Object({
  id: Type.String(),
  source: Type.String(),
  target: Type.String(),
  status: Type.Enum(MAPPING_STATES, { type: 'string' }),
  attempts: CountSchema,
  result: Type.Unknown({ description: 'What the target answered; null until it did.' }),
  error: Type.Union([ErrorSchema, Type.Null()]),
  finished_at: NullableTime,
  duration_ms: Type.Union([Type.Number({ minimum: 0 }), Type.Null()]),
})

const ResultsPageSchema = Type.Object(
  {
    request_id: Type.String({ format: 'uuid' }),
    status: Type.Enum(REQUEST_STATES, { type: 'string' }),
    total_mappings: CountSchema,
    processed_mappings: CountSchema,
    failed_mappings: CountSchema,
    results: Type.Array(ResultSchema),
    next_cursor: NextCursorSchema,
  },
  {
    examples: [
      {
        request_id: '01985a3c-6c1e-7d3a-9a55-0d6f1f0e8a11',
        status: 'completed',
        total_mappings: 1,
        processed_mappings: 1,
        failed_mappings: 0,
        results: [
          {
            id: 'map_001',
            source: 'source_system_1',
            target: 'target_system_1',
            status: 'completed',
            attempts: 1,
            result: {},
            error: null,
            finished_at: '2026-01-31T09:30:00.088Z',
            duration_ms: 48,
          },
        ],
        next_cursor: null,
      },
    ],
  },
)

const schema = {
  summary: 'Read what became of each mapping',
  description:
    'In submission order, readable while the work runs. A page may hold fewer than `limit`, even none, before the end.',
  operationId: 'getResults',
  tags: ['Requests'],
  params: RequestParams,
  querystring: Query,
  response: {
    200: answer('A page of results.', ResultsPageSchema),
    ...refusals(...STORE_PROBLEMS, 'validation-failed', 'invalid-cursor', 'not-found'),
  },
}

/** `GET /status/{id}/results`. */
export function resultsRoutes(app: FastifyInstance, ports: HttpPorts): void {
  type Route = { Params: { id: string }; Querystring: Static<typeof Query> }
  app.get<Route>('/status/:id/results', { schema }, async ({ params, query }, reply) => {
    const request = await findRequest(ports, params.id)
    if (request === null) return sendProblem(reply, 'not-found', NO_REQUEST)
    const { status: state = null, limit, cursor } = query
    const scope = ['results', request.id, state]
    const from = cursor === undefined ? 0 : ordinalIn(cursor, scope)
    if (from === null) return sendInvalidCursor(reply)

    const wanted = { tenant: ports.tenant, request, from, limit: pageLimit(limit), state }
    const { items, next } = await resultsPage(ports.store, wanted)
    const head = JSON.stringify({
      request_id: request.id,
      status: request.state,
      total_mappings: request.total,
      processed_mappings: processed(request),
      failed_mappings: request.failed,
    })
    const nextCursor = JSON.stringify(next === null ? null : cursorOf(scope, String(next)))
    return reply
      .header('content-type', 'application/json; charset=utf-8')
      .send(`${head.slice(0, -1)},"results":[${items.join()}],"next_cursor":${nextCursor}}`)
  })
}

function ordinalIn(cursor: string, scope: readonly (string | null)[]): number | null {
  const position = positionIn(cursor, scope)
  return position !== null && /^\d{1,15}$/.test(position) ? Number(position) : null
}
