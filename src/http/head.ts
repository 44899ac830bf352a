import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'

/** Answers a HEAD where nobody knows how long the answer to a GET is: by nothing at all, Fastify would say 0. */
export function sendHead(reply: FastifyReply): FastifyReply {
  return reply.send(Readable.from([]))
}
