import type { FastifyReply, FastifyRequest } from 'fastify'
import { refuse } from '../intake/problem.ts'
import { faultOfBody } from './negotiation.ts'
import { sendProblem } from './problem.ts'

/** Why a body is not taken where there is to be none. */
export const NO_BODY = refuse([
  { pointer: '#', code: 'unknown_property', detail: 'This takes no body; leave it out.' },
])

/** Answers a request whose body is not JSON as it is, before it is read; false where it may be. */
export function refuseBody({ headers }: FastifyRequest, reply: FastifyReply): boolean {
  const fault = faultOfBody(headers['content-type'], headers['content-encoding'])
  if (fault === null) return false
  if (fault === 'unsupported-media-type') {
    sendProblem(reply, fault, 'Send the body as application/json, in UTF-8.')
  } else {
    reply.header('accept-encoding', 'identity')
    sendProblem(reply, fault, 'Send the body as it is, without a Content-Encoding.')
  }
  return true
}
