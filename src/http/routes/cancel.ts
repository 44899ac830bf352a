import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import { endOf } from '../../core/request.ts'
import { NO_BODY } from '../body.ts'
import { answer, CHANGE_PROBLEMS, refusals } from '../documented.ts'
import { NoParameters } from '../parameters.ts'
import type { HttpPorts } from '../ports.ts'
import { sendBadInput, sendNoRequest, sendProblem } from '../problem.ts'
import { isRequestId, RequestParams, statusNow } from './status.ts'

const schema = {
  summary: 'Cancel a request',
  description:
    'Nothing more of it starts, within a second on every node; calls under way end, and count. What was not carried out is cancelled: at once where the request is small, else in the seconds that follow. To cancel again changes nothing.',
  operationId: 'cancelRequest',
  tags: ['Requests'],
  params: RequestParams,
  querystring: NoParameters,
  response: {
    200: answer('Where the request stands now.', Type.Ref('RequestStatus#')),
    ...refusals(
      ...CHANGE_PROBLEMS,
      'validation-failed',
      'not-found',
      'invalid-state',
      'body-too-large',
      'unsupported-media-type',
    ),
  },
}

/** `POST /requests/{id}/cancel`. */
export function cancelRoutes(app: FastifyInstance, ports: HttpPorts): void {
  const { store, tenant, clock, emit } = ports

  app.post<{ Params: { id: string }; Body?: Buffer }>('/requests/:id/cancel', {
    schema,
    handler: async ({ params: { id }, body }, reply) => {
      if (body?.length) return sendBadInput(reply, NO_BODY)
      if (!isRequestId(id)) return sendNoRequest(reply)
      const cancelled = await store.cancel(tenant, id, clock.now())
      if (cancelled.kind === 'unknown') return sendNoRequest(reply)
      if (cancelled.kind === 'finished') return sendProblem(reply, 'invalid-state', FINISHED)
      const { kind, request } = cancelled
      if (kind === 'closed') {
        emit({ event: 'request_closed', request: id, tenant, closing: 'cancelled' })
        const isFinished = request.finishedAt !== null
        if (isFinished) emit({ event: 'request_finished', ...endOf(request) })
      }
      return reply.send(await statusNow(ports, request))
    },
  })
}

const FINISHED = 'The request is finished: there is nothing left to cancel.'
