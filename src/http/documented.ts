/** How routes are documented, beside what their schemas say. */
import type { TSchema } from 'typebox'
import { PROBLEM_TYPE, PROBLEMS, problemDocument, type Slug } from './problem.ts'

/** Problems of every route that asks the store. */
export const STORE_PROBLEMS = ['draining', 'storage-unavailable'] as const satisfies readonly Slug[]

/** Problems of every route that changes something. */
export const CHANGE_PROBLEMS = [...STORE_PROBLEMS, 'cross-site-request'] as const

/** Problems of every route that takes a body. */
export const BODY_PROBLEMS = [
  'malformed-json',
  'invalid-utf8',
  'too-deep',
  'validation-failed',
  'body-too-large',
  'unsupported-media-type',
  'unsupported-encoding',
] as const satisfies readonly Slug[]

/** Problems that any answer of the API may be about. */
const EVERYWHERE: readonly Slug[] = [
  'unknown-host',
  'malformed-request',
  'unknown-property',
  'method-not-allowed',
  'not-acceptable',
  'request-timeout',
  'expectation-failed',
  'headers-too-large',
  'internal-error',
]

/** A good answer in JSON, for a route's `response`. */
export function answer(description: string, schema: TSchema, headers: Headers = {}): Answer {
  return { description, headers, content: { 'application/json': { schema } } }
}

interface Answer {
  readonly description: string
  readonly headers: Headers
  readonly content: Readonly<Record<string, object>>
}

type Headers = Readonly<Record<string, { readonly type: string; readonly description: string }>>

/** The problems that a route can answer with, by status, those of every route among them. */
export function refusals(...slugs: readonly Slug[]): Record<number, Answer> {
  const all = [...new Set([...EVERYWHERE, ...slugs])]
  const byStatus = Object.groupBy(all, (slug) => PROBLEMS[slug].status)
  return Object.fromEntries(
    Object.entries(byStatus).map(([status, group = []]) => [status, refusal(group)]),
  )
}

/** One answer for all of these problems, which have one status. */
export function refusal(slugs: readonly Slug[]): Answer {
  const examples = Object.fromEntries(
    slugs.map((slug) => [
      slug,
      { value: problemDocument(slug, 'What is wrong here, and how to mend it.') },
    ]),
  )
  return {
    description: slugs.map((slug) => `\`${slug}\`: ${PROBLEMS[slug].title}.`).join(' '),
    headers: slugs.some((slug) => PROBLEMS[slug].status === 503) ? RETRY_AFTER : {},
    content: { [PROBLEM_TYPE]: { schema: { $ref: 'Problem#' }, examples } },
  }
}

const RETRY_AFTER: Headers = {
  'Retry-After': { type: 'integer', description: 'Seconds after which to ask again.' },
}
