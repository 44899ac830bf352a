import { isUtf8 } from 'node:buffer'
import { type IncomingHttpHeaders, STATUS_CODES } from 'node:http'
import type { Outcome } from '../../../core/outcome.ts'
import type { EpochMs, Json } from '../../../core/units.ts'
import type { ReadAnswer } from '../../kind.ts'
import { parseRetryAfter } from './retry-after.ts'

/** An answer to one call. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** The whole of it, or why it was not taken in, as the end of "The answer is …". */
  readonly body: Buffer | Unread
}

interface Unread {
  readonly unread: string
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
 * instead of more than 4 KB, or of what was not taken in, a sentence in parentheses that tells so.
 * The target has acted, whatever it then says: to call that a failure would make it act again.
 */
export function resultOf({ headers, body }: Answer, secrets: readonly string[]): Json {
  if ('unread' in body) return `(the answer is ${body.unread}, and was not kept)`
  const { length } = body
  if (length === 0) return null
  if (length > KEPT_BYTES_MAX) return `(an answer of ${length} bytes, too large to keep)`
  const text = maskedText(body, secrets)
  const parsed = isJson(headers) ? parseJson(text) : null
  return parsed === null ? text : parsed.value
}

/** The record that a successful read brought: JSON, or nothing that can be used. */
export function recordOf({ body }: Answer): ReadAnswer {
  if ('unread' in body) {
    const message = `The answer is ${body.unread}.`
    return { kind: 'unanswered', stage: 'read', code: 'invalid_response', message }
  }
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
function excerpt({ headers, body }: Answer, secrets: readonly string[]): string {
  const readable = /json|xml|^text\/plain/.test(headers['content-type'] ?? '')
  if ('unread' in body || !readable) return '.'
  if (body.length === 0 || body.length > KEPT_BYTES_MAX) return '.'
  const text = maskedText(body, secrets).replaceAll(/[\p{Cc}\s]+/gu, ' ')
  return `: ${text.slice(0, EXCERPT_LENGTH_MAX).toWellFormed()}`
}

/** A body with our own secrets taken out, should the target have sent them back. */
function maskedText(body: Buffer, secrets: readonly string[]): string {
  let text = body.toString()
  for (const secret of secrets) text = text.replaceAll(secret, '[secret]')
  return text
}

function isJson(headers: IncomingHttpHeaders): boolean {
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
