/** What an answer says when it says no: `application/problem+json` (RFC 9457). */
import type { FastifyReply } from 'fastify'
import Type, { type Static } from 'typebox'
import type { Problem } from '../intake/problem.ts'
import { PROBLEMS_MAX } from '../lib/json/inspect.ts'

export const PROBLEM_TYPE = 'application/problem+json'

/** Every problem there is: the end of its `type`, and what never changes about it. */
export const PROBLEMS = {
  'malformed-json': { status: 400, title: 'The body is not JSON' },
  'invalid-utf8': { status: 400, title: 'The body is not UTF-8' },
  'too-deep': { status: 400, title: 'The body is nested too deeply' },
  'validation-failed': { status: 400, title: 'The input is not valid' },
  'unknown-property': { status: 400, title: 'The input holds something unknown' },
  'duplicate-mapping-id': { status: 400, title: 'Two mappings have the same id' },
  'unknown-system': { status: 400, title: 'There is no such system' },
  'invalid-expression': { status: 400, title: 'An expression cannot be used' },
  'forbidden-url': { status: 400, title: 'This URL may not be called' },
  'invalid-cursor': { status: 400, title: 'The cursor does not belong here' },
  'malformed-request': { status: 400, title: 'The request is not valid HTTP' },
  'cross-site-request': { status: 403, title: 'A page of another site may not do this' },
  'unknown-host': { status: 403, title: 'Sluice does not go by this name' },
  'not-found': { status: 404, title: 'There is nothing here' },
  'method-not-allowed': { status: 405, title: 'This method cannot be used here' },
  'not-acceptable': { status: 406, title: 'There is no answer in an accepted form' },
  'request-timeout': { status: 408, title: 'The request took too long to arrive' },
  'idempotency-in-progress': { status: 409, title: 'The idempotency key is in use right now' },
  'invalid-state': { status: 409, title: 'It is not in a state that allows this' },
  'body-too-large': { status: 413, title: 'The body is too large' },
  'too-many-mappings': { status: 413, title: 'There are too many mappings' },
  'unsupported-media-type': { status: 415, title: 'The body is of a type that is not taken' },
  'unsupported-encoding': { status: 415, title: 'The body is encoded in a way that is not taken' },
  'expectation-failed': { status: 417, title: 'What is expected cannot be done' },
  'idempotency-key-reused': { status: 422, title: 'The idempotency key belongs to another body' },
  'headers-too-large': { status: 431, title: 'The address or the headers are too large' },
  'internal-error': { status: 500, title: 'Something went wrong on our side' },
  overloaded: { status: 503, title: 'There is too much to do already' },
  draining: { status: 503, title: 'The service is about to stop' },
  'storage-unavailable': { status: 503, title: 'The store does not answer' },
} as const satisfies Record<string, { readonly status: number; readonly title: string }>

export type Slug = keyof typeof PROBLEMS

const ProblemErrorSchema = Type.Object({
  pointer: Type.String({
    description: 'A JSON pointer into the body, or `#/query/…` or `#/header/…`.',
    examples: ['#/mappings/3/target'],
  }),
  code: Type.String({ examples: ['unknown_system'] }),
  detail: Type.String({ description: 'What is wrong, and how to mend it.' }),
  line: Type.Optional(Type.Integer({ minimum: 1, description: 'Its line in the body.' })),
})

export const ProblemSchema = Type.Object(
  {
    type: Type.String({ description: 'Which problem: `/problems/` and its slug.' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: 'What is wrong, and how to mend it.' }),
    instance: Type.Optional(Type.String({ description: 'Names this one answer in the logs.' })),
    errors: Type.Optional(
      Type.Array(ProblemErrorSchema, {
        maxItems: PROBLEMS_MAX,
        description: 'Only for bad input.',
      }),
    ),
  },
  { $id: 'Problem', description: 'Why a request was refused (RFC 9457).' },
)

export type ProblemDocument = Static<typeof ProblemSchema>

/** A problem as it is sent. */
export function problemDocument(slug: Slug, detail: string): ProblemDocument {
  return { type: `/problems/${slug}`, ...PROBLEMS[slug], detail }
}

/** Marks an answer as data: nothing in it is to be run, framed, guessed at or kept. */
export function protect(reply: FastifyReply): void {
  reply.header('content-security-policy', "default-src 'none'; frame-ancestors 'none'")
  reply.header('x-content-type-options', 'nosniff')
  reply.header('cache-control', 'no-store')
}

/** After how many seconds it is worth asking again. */
export const RETRY_AFTER_S = 5

/** Answers with a problem. `errors` is for bad input: each thing that is wrong with it. */
export function sendProblem(
  reply: FastifyReply,
  slug: Slug,
  detail: string,
  errors?: readonly Problem[],
): FastifyReply {
  const { status } = PROBLEMS[slug]
  protect(reply)
  if (status === 503) reply.header('retry-after', RETRY_AFTER_S)
  const document = { ...problemDocument(slug, detail), instance: reply.request.id, errors }
  return reply.code(status).header('content-type', PROBLEM_TYPE).send(JSON.stringify(document))
}

/** Answers for a request that is not there, or no longer. */
export function sendNoRequest(reply: FastifyReply): FastifyReply {
  return sendProblem(reply, 'not-found', 'There is no request with this id.')
}

/** Answers bad input. */
export function sendBadInput(
  reply: FastifyReply,
  { slug, problems }: { readonly slug: Slug; readonly problems: readonly Problem[] },
): FastifyReply {
  const count = problems.length === 1 ? 'One thing is' : `${problems.length} things are`
  return sendProblem(reply, slug, `${count} wrong with what was sent; see errors.`, problems)
}
