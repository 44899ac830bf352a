import { isUtf8 } from 'node:buffer'
import { type IncomingHttpHeaders, STATUS_CODES } from 'node:http'
import type { Outcome } from '../../../core/outcome.ts'
import type { EpochMs, Json } from '../../../core/units.ts'
import type { ReadAnswer } from '../../kind.ts'
import { parseRetryAfter } from './retry-after.ts'

/** A complete answer to one call. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** A larger answer is not kept; a result is there to be looked at, not to store a body. */
const KEPT_BYTES_MAX = 4096
const EXCERPT_LENGTH_MAX = 200

/** Whether the answer is a success. */
export function succeeded({ status }: Answer): boolean {
  return status >= 200 && status < 300
}

/**
 * What is kept of a successful write's answer: its JSON, else its text; null where it is empty; and
 * instead of more than 4 KB, a sentence that tells its size.
 */
export function resultOf(answer: Answer, secrets: readonly string[]): Json {
  const { length } = answer.body
  if (length === 0) return null
  if (length > KEPT_BYTES_MAX) return `(an answer of ${length} bytes, too large to keep)`
  const text = maskedText(answer, secrets)
  const parsed = isJson(answer) ? parseJson(text) : null
  return parsed === null ? text : parsed.value
}

/** The record that a successful read brought: JSON, or nothing that can be used. */
export function recordOf({ body }: Answer): ReadAnswer {
  const parsed = isUtf8(body) ? parseJson(body.toString().replace(/^\uFEFF/, '')) : null
  if (parsed !== null) return { kind: 'record', record: parsed.value }
  const message = 'The source answered with something that is not JSON in UTF-8.'
  return { kind: 'impossible', stage: 'read', code: 'invalid_record', message }
}

/** What an answer other than a success means. */
export function refusalOf(
  answer: Answer,
  stage: 'read' | 'write',
  baseUrl: string,
  secrets: readonly string[],
  now: EpochMs,
): Extract<Outcome, { kind: 'refused' }> {
  const { status, headers } = answer
  const retryAfter = parseRetryAfter(headers['retry-after'] ?? '', now)
  const title = `Answered ${status} ${STATUS_CODES[status] ?? ''}`.trimEnd()
  const message =
    status < 400 ? `${title}${redirection(headers, baseUrl)}.` : title + excerpt(answer, secrets)
  return { kind: 'refused', stage, httpStatus: status, retryAfter, message }
}

/** Only the host: the rest of the address may hold what is nobody's business. */
function redirection({ location }: IncomingHttpHeaders, baseUrl: string): string {
  const host = location === undefined ? undefined : URL.parse(location, baseUrl)?.host
  return host === undefined ? '' : `, a redirect to ${host}; redirects are not followed`
}

/** The target's own words, which often say best what is wrong. */
function excerpt(answer: Answer, secrets: readonly string[]): string {
  const { length } = answer.body
  const readable = /json|xml|^text\/plain/.test(answer.headers['content-type'] ?? '')
  if (!readable || length === 0 || length > KEPT_BYTES_MAX) return '.'
  const text = maskedText(answer, secrets).replaceAll(/[\p{Cc}\s]+/gu, ' ')
  return `: ${text.slice(0, EXCERPT_LENGTH_MAX).toWellFormed()}`
}

/** The body with our own secrets taken out, should the target have sent them back. */
function maskedText({ body }: Answer, secrets: readonly string[]): string {
  let text = body.toString()
  for (const secret of secrets) text = text.replaceAll(secret, '[secret]')
  return text
}

function isJson({ headers }: Answer): boolean {
  return /[/+]json\b/i.test(headers['content-type'] ?? '')
}

/** Wrapped, because null is a value; null where the text is not JSON. */
function parseJson(text: string): { readonly value: Json } | null {
  try {
    return { value: JSON.parse(text) }
  } catch {
    return null
  }
}
