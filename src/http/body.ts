import type { FastifyReply, FastifyRequest } from 'fastify'
import { faultOfBody } from './negotiation.ts'
import { sendProblem } from './problem.ts'

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
