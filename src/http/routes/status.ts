import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import { callbackReport, callbackTenant, UNTOLD } from '../../core/callback.ts'
import type { Request } from '../../core/request.ts'
import { answer, refusals, STORE_PROBLEMS } from '../documented.ts'
import type { Following } from '../follow.ts'
import { NoParameters } from '../parameters.ts'
import type { HttpPorts } from '../ports.ts'
import { waitIn } from '../prefer.ts'
import { sendNoRequest } from '../problem.ts'
import { type RequestStatus, statusOf } from '../status.ts'

/** The path parameter of everything about one request. */
export const RequestParams = Type.Object({
  id: Type.String({ description: 'The `request_id` that the receipt gave.' }),
})

const schema = {
  summary: 'See where a request stands',
  description:
    'Costs the same whatever the size of the request. With `Prefer: wait`, the answer comes when the request is finished, or when the time is up.',
  operationId: 'getStatus',
  tags: ['Requests'],
  params: RequestParams,
  querystring: NoParameters,
  headers: Type.Object({
    prefer: Type.Optional(
      Type.String({
        description: 'How many seconds to wait for the end at most; more than 60 is cut to that.',
        examples: ['wait=30'],
      }),
    ),
  }),
  response: {
    200: answer('Where the request stands.', Type.Ref('RequestStatus#'), {
      'Preference-Applied': {
        type: 'string',
        description: 'What was made of `Prefer`, where it could be heeded.',
      },
    }),
    ...refusals(...STORE_PROBLEMS, 'not-found'),
  },
}

/** `GET /status/{id}`. */
export function statusRoutes(app: FastifyInstance, ports: HttpPorts, following: Following): void {
  app.get<{ Params: { id: string } }>('/status/:id', { schema }, async (request, reply) => {
    const { id } = request.params
    const wait = waitIn(request.headers['prefer'])
    if (wait === null) {
      const status = await lookUp(ports, id)
      return status === null ? sendNoRequest(reply) : reply.send(status)
    }
    const isGone = new Promise<void>((resolve) => reply.raw.once('close', resolve))
    const snapshot = await following.wait(id, 1000 * wait, isGone)
    if (snapshot === null) return sendNoRequest(reply)
    return reply
      .header('preference-applied', `wait=${wait}`)
      .header('content-type', 'application/json; charset=utf-8')
      .send(snapshot.text)
  })
}

/** Where a request of this tenant stands; null where there is none of this id. */
export async function lookUp(
  ports: Pick<HttpPorts, 'store' | 'tenant' | 'clock'>,
  id: string,
): Promise<RequestStatus | null> {
  const request = await findRequest(ports, id)
  return request === null ? null : await statusNow(ports, request)
}

/** A request as its caller sees it now. */
export async function statusNow(
  ports: Pick<HttpPorts, 'store' | 'tenant' | 'clock'>,
  request: Request,
): Promise<RequestStatus> {
  const [status] = await statusesNow(ports, [request])
  if (status === undefined) throw new Error('a status for each request')
  return status
}

/**
 * Requests as their caller sees them now. What is finished, or about to be, waits for nothing; what is
 * finished may have been told of.
 */
export async function statusesNow(
  { store, tenant, clock }: Pick<HttpPorts, 'store' | 'tenant' | 'clock'>,
  requests: readonly Request[],
): Promise<RequestStatus[]> {
  const open = requests.filter(({ finishedAt, closing }) => finishedAt === null && closing === null)
  const told = requests.filter(
    ({ finishedAt, terms }) => finishedAt !== null && terms.callbackUrl !== null,
  )
  const [waiting, callbacks] = await Promise.all([
    byId(open, (ids) => store.waiting(tenant, ids)),
    byId(told, (ids) => store.firstBatches(callbackTenant(tenant), ids)),
  ])
  return requests.map((request) => {
    const callback = callbacks.get(request.id)
    const report = callback === undefined ? UNTOLD : callbackReport(callback)
    return statusOf(request, waiting.get(request.id) ?? [], clock.now(), report)
  })
}

/** What is known of each of these requests; nobody is asked where there is none. */
async function byId<T>(
  requests: readonly Request[],
  ask: (ids: readonly string[]) => Promise<ReadonlyMap<string, T>>,
): Promise<ReadonlyMap<string, T>> {
  return requests.length === 0 ? new Map() : ask(requests.map(({ id }) => id))
}

/** Null for everything that is not the id of a request of this tenant. */
export async function findRequest(
  { store, tenant }: Pick<HttpPorts, 'store' | 'tenant'>,
  id: string,
): Promise<Request | null> {
  return isRequestId(id) ? await store.request(tenant, id) : null
}

/** Whether that could be the id of a request. */
export function isRequestId(id: string): boolean {
  return ID.test(id)
}

const ID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/
