import type { FastifyInstance } from 'fastify'
import Type, { type Static } from 'typebox'
import { PRIORITIES } from '../../core/mapping.ts'
import { REQUEST_STATES } from '../../core/request.ts'
import { refuse } from '../../intake/problem.ts'
import { cursorOf, positionIn } from '../cursor.ts'
import { answer, refusals, STORE_PROBLEMS } from '../documented.ts'
import { NextCursorSchema, pageLimit, pagingParameters, sendInvalidCursor } from '../paging.ts'
import type { HttpPorts } from '../ports.ts'
import { sendBadInput } from '../problem.ts'
import type { RequestStatus } from '../status.ts'
import { statusesNow } from './status.ts'

const Query = Type.Object(
  {
    status: Type.Optional(
      Type.Enum(REQUEST_STATES, { type: 'string', description: 'Only those that stand so.' }),
    ),
    priority: Type.Optional(
      Type.Enum(PRIORITIES, { type: 'string', description: 'Only those of this priority.' }),
    ),
    created_after: Type.Optional(
      Type.String({
        format: 'date-time',
        description: 'Only those made after it: RFC 3339, with its offset from UTC.',
      }),
    ),
    ...pagingParameters,
  },
  { additionalProperties: false },
)

const RequestListSchema = Type.Object({
  requests: Type.Array(Type.Unsafe<RequestStatus>({ $ref: 'RequestStatus#' })),
  next_cursor: NextCursorSchema,
})

const schema = {
  summary: 'List requests',
  description: 'Newest first.',
  operationId: 'listRequests',
  tags: ['Requests'],
  querystring: Query,
  response: {
    200: answer('A page of requests.', RequestListSchema),
    ...refusals(...STORE_PROBLEMS, 'validation-failed', 'invalid-cursor'),
  },
}

/** `GET /requests`. */
export function requestsRoutes(app: FastifyInstance, ports: HttpPorts): void {
  app.get<{ Querystring: Static<typeof Query> }>(
    '/requests',
    { schema },
    async ({ query }, reply) => {
      const { status: state = null, priority = null, created_after: after, cursor } = query
      const createdAfter = after === undefined ? null : Date.parse(after)
      if (Number.isNaN(createdAfter)) return sendBadInput(reply, NO_MOMENT)
      const scope = ['requests', state, priority, createdAfter]
      const before = cursor === undefined ? null : positionIn(cursor, scope)
      if (cursor !== undefined && before === null) return sendInvalidCursor(reply)

      const limit = pageLimit(query.limit)
      const filter = { state, priority, createdAfter, before, limit: limit + 1 }
      const found = await ports.store.requests(ports.tenant, filter)
      const page = found.slice(0, limit)
      const last = found.length > limit ? page.at(-1) : undefined
      return reply.send({
        requests: await statusesNow(ports, page),
        next_cursor: last === undefined ? null : cursorOf(scope, last.id),
      } satisfies Static<typeof RequestListSchema>)
    },
  )
}

/** The format lets leap seconds through, of which no clock that we have knows. */
const NO_MOMENT = refuse([
  {
    pointer: '#/query/created_after',
    code: 'invalid_value',
    detail: 'This must be a moment such as 2026-01-31T09:30:00Z, and no leap second.',
  },
])
