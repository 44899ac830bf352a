import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { refuse } from '../intake/problem.ts'
import { type BodyFault, faultOfBody, type UploadForm, uploadForm } from './negotiation.ts'
import { sendProblem } from './problem.ts'

/** Why a body is not taken where there is to be none. */
export const NO_BODY = refuse([
  { pointer: '#', code: 'unknown_property', detail: 'This takes no body; leave it out.' },
])

/** Has the routes of a scope take bodies of JSON, as the bytes that they are. */
export function takeBytes(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body),
  )
}

/** Has the routes of a scope read the bodies themselves, of whatever type they are. */
export function takeStreams(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
}

/** Answers a request whose body is not JSON as it is, before it is read; false where it may be. */
export function refuseBody({ headers }: FastifyRequest, reply: FastifyReply): boolean {
  const fault = faultOfBody(headers['content-type'], headers['content-encoding'])
  if (fault === null) return false
  const details = {
    'unsupported-media-type': 'Send the body as application/json, in UTF-8.',
    'unsupported-encoding': 'Send the body as it is, without a Content-Encoding.',
  }
  refuseForm(reply, fault, details, 'identity')
  return true
}

/** How the body of a request comes; null where that is no way, and the request has been answered. */
export function uploadFormOf({ headers }: FastifyRequest, reply: FastifyReply): UploadForm | null {
  const form = uploadForm(headers['content-type'], headers['content-encoding'])
  if (typeof form !== 'string') return form
  const details = {
    'unsupported-media-type':
      'Send the body as application/json, application/x-ndjson or text/csv, in UTF-8.',
    'unsupported-encoding': 'Send the body as it is, or with gzip or zstd as its Content-Encoding.',
  }
  refuseForm(reply, form, details, 'identity, gzip, zstd')
  return null
}

function refuseForm(
  reply: FastifyReply,
  fault: BodyFault,
  details: Readonly<Record<BodyFault, string>>,
  encodings: string,
): void {
  if (fault === 'unsupported-encoding') reply.header('accept-encoding', encodings)
  sendProblem(reply, fault, details[fault])
}

/** The client left before all of its request was there: nobody hears the answer. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone'
  readonly statusCode = 400
}

/** Reads a body that is known to be small. */
export function readSmall(payload: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    payload.on('data', (chunk: Buffer) => chunks.push(chunk))
    payload.on('end', () => {
      const [only] = chunks
      resolve(chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks))
    })
    payload.on('error', () => reject(new ClientGone()))
  })
}
