import type { FastifyInstance } from 'fastify'
import Type, { type Static } from 'typebox'
import { FAILURE_GROUPS_MAX, type FailureGroup, REST_CODE } from '../../core/failures.ts'
import { answer, refusals, STORE_PROBLEMS } from '../documented.ts'
import { NoParameters } from '../parameters.ts'
import type { HttpPorts } from '../ports.ts'
import { sendNoRequest } from '../problem.ts'
import { HttpStatusSchema } from '../status.ts'
import { findRequest, RequestParams } from './status.ts'

const FailureGroupsSchema = Type.Array(
  Type.Object({
    target: Type.Union([Type.String(), Type.Null()], {
      description: `Null in the one group, \`${REST_CODE}\`, that holds what is left over beyond ${FAILURE_GROUPS_MAX} groups.`,
    }),
    code: Type.String({ description: 'As in the `error` of each result.' }),
    http_status: HttpStatusSchema,
    message: Type.String({ description: 'What the last of them said.' }),
    count: Type.Integer({ minimum: 1 }),
    sample_mapping_id: Type.String({ description: 'A mapping that failed so.' }),
  }),
  {
    examples: [
      [
        {
          target: 'target_system_1',
          code: 'target_rejected',
          http_status: 422,
          message: 'Answered 422 Unprocessable Entity.',
          count: 40_000,
          sample_mapping_id: 'map_001',
        },
      ],
    ],
  },
)

const schema = {
  summary: 'See why mappings failed',
  description:
    'One group for each target, code and HTTP status, the most frequent first; their counts add up to `failed_mappings`. Exact while the work runs.',
  operationId: 'getFailures',
  tags: ['Requests'],
  params: RequestParams,
  querystring: NoParameters,
  response: {
    200: answer('The groups.', FailureGroupsSchema),
    ...refusals(...STORE_PROBLEMS, 'not-found'),
  },
}

/** `GET /status/{id}/failures`. */
export function failuresRoutes(app: FastifyInstance, ports: HttpPorts): void {
  app.get<{ Params: { id: string } }>('/status/:id/failures', { schema }, async (asked, reply) => {
    const request = await findRequest(ports, asked.params.id)
    if (request === null) return sendNoRequest(reply)
    return reply.send(viewOf(await ports.store.failures(ports.tenant, request.id)))
  })
}

function viewOf(groups: readonly FailureGroup[]): Static<typeof FailureGroupsSchema> {
  return groups.map(({ target, code, httpStatus, message, count, sample }) => ({
    target,
    code,
    http_status: httpStatus,
    message,
    count,
    sample_mapping_id: sample,
  }))
}
