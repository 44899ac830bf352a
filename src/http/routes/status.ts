import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import { CALLBACK_RANGE, callbackReport, callbackTenant, UNTOLD } from '../../core/callback.ts'
import type { Request } from '../../core/request.ts'
import { answer, refusals, STORE_PROBLEMS } from '../documented.ts'
import { NoParameters } from '../parameters.ts'
import type { HttpPorts } from '../ports.ts'
import { sendProblem } from '../problem.ts'
import { type RequestStatus, statusOf } from '../status.ts'

/** The path parameter of everything about one request. */
export const RequestParams = Type.Object({
  id: Type.String({ description: 'The `request_id` that the receipt gave.' }),
})

const schema = {
  summary: 'See where a request stands',
  description: 'Costs the same whatever the size of the request.',
  operationId: 'getStatus',
  tags: ['Requests'],
  params: RequestParams,
  querystring: NoParameters,
  response: {
    200: answer('Where the request stands.', Type.Ref('RequestStatus#')),
    ...refusals(...STORE_PROBLEMS, 'not-found'),
  },
}

/** `GET /status/{id}`. */
export function statusRoutes(app: FastifyInstance, ports: HttpPorts): void {
  app.get<{ Params: { id: string } }>('/status/:id', { schema }, async (request, reply) => {
    const found = await findRequest(ports, request.params.id)
    if (found === null) return sendProblem(reply, 'not-found', NO_REQUEST)
    return reply.send(await statusNow(ports, found))
  })
}

/** A request as its caller sees it now. What is finished waits for nothing, and may have been told of. */
export async function statusNow(
  { store, tenant, clock }: Pick<HttpPorts, 'store' | 'tenant' | 'clock'>,
  request: Request,
): Promise<RequestStatus> {
  const { id, finishedAt, terms } = request
  if (finishedAt === null) {
    return statusOf(request, await store.waiting(tenant, id), clock.now(), UNTOLD)
  }
  const [callback] =
    terms.callbackUrl === null
      ? []
      : await store.batches(callbackTenant(tenant), id, CALLBACK_RANGE)
  const report = callback === undefined ? UNTOLD : callbackReport(callback)
  return statusOf(request, [], clock.now(), report)
}

export const NO_REQUEST = 'There is no request with this id.'

/** Null for everything that is not the id of a request of this tenant. */
export async function findRequest(
  { store, tenant }: Pick<HttpPorts, 'store' | 'tenant'>,
  id: string,
): Promise<Request | null> {
  return ID.test(id) ? await store.request(tenant, id) : null
}

const ID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/
