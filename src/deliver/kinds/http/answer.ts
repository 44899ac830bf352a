import { isUtf8 } from 'node:buffer'
import type { IncomingHttpHeaders } from 'node:http'
import type { Outcome } from '../../../core/outcome.ts'
import type { EpochMs, Json } from '../../../core/units.ts'
import type { ReadAnswer } from '../../kind.ts'
import { quoted, type Secrets, withoutSecrets } from '../../quote.ts'
import { serialize } from './body.ts'
import type { Decoded } from './decode.ts'
import { type Pointer, pick } from './pointer.ts'
import { withLearned } from './rate-headers.ts'
import { parseRetryAfter } from './retry-after.ts'

/** An answer to one call. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** The whole of it, or why it was not taken in. */
  readonly body: Decoded
}

export type Refused = Extract<Outcome, { kind: 'refused' }>

/** Not imported: an import would also load what `fetch` is made of, 13 MB in each thread. */
const { STATUS_CODES } = process.getBuiltinModule('node:http')

/** A larger answer is not kept; a result is there to be looked at, not to store a body. */
const KEPT_BYTES_MAX = 4096

/**
 * What is kept of a successful write's answer: its JSON, else its text; null where it is empty; and
 * instead of more than 4 KB, or of what was not taken in, a sentence in parentheses that tells so.
 * The target has acted, whatever it then says: to call that a failure would make it act again.
 *
 * @param at where in the JSON the result is; null for all of it
 */
export function resultOf({ headers, body }: Answer, at: Pointer | null, secrets: Secrets): Json {
  if ('unread' in body) return `(the answer is ${body.unread}, and was not kept)`
  const { length } = body
  if (at !== null) return partOf(withoutSecrets(textOf(body), secrets), at)
  if (length === 0) return null
  if (length > KEPT_BYTES_MAX) return tooLargeToKeep(length)
  const text = withoutSecrets(textOf(body), secrets)
  const parsed = isJson(headers) ? parseJson(text) : null
  return parsed === null ? text : parsed.value
}

function partOf(text: string, at: Pointer): Json {
  const parsed = parseJson(text)
  const part = parsed === null ? undefined : pick(parsed.value, at)
  return part === undefined ? '(the answer has nothing in that place)' : kept(part)
}

/** A value, or instead of one that is too large to keep, a sentence that tells so. */
export function kept(value: Json): Json {
  const text = serialize(value)
  if (text === null) return '(an answer nested too deeply to keep)'
  const length = Buffer.byteLength(text)
  return length > KEPT_BYTES_MAX ? tooLargeToKeep(length) : value
}

function tooLargeToKeep(length: number): string {
  return `(an answer of ${length} bytes, too large to keep)`
}

/**
 * The record that a successful read brought: JSON, or nothing that can be used.
 *
 * @param at where in the JSON the record is
 */
export function recordOf({ body }: Answer, at: Pointer): ReadAnswer {
  if ('unread' in body) {
    const message = `The answer is ${body.unread}.`
    return { kind: 'unanswered', stage: 'read', code: 'invalid_response', message }
  }
  const parsed = isUtf8(body) ? parseJson(textOf(body)) : null
  if (parsed === null) return noRecord('something that is not JSON in UTF-8.')
  const record = pick(parsed.value, at)
  return record === undefined
    ? noRecord('JSON that has nothing where the record should be.')
    : { kind: 'record', record }
}

function noRecord(what: string): ReadAnswer {
  const message = `The source answered with ${what}`
  return { kind: 'impossible', stage: 'read', code: 'invalid_record', message }
}

/** The JSON of an answer that tells of many mappings; undefined where there is none. */
export function jsonOf({ body }: Answer, secrets: Secrets): Json | undefined {
  return 'unread' in body ? undefined : parseJson(withoutSecrets(textOf(body), secrets))?.value
}

/** What an answer other than a success means. */
export function refusalOf(
  answer: Answer,
  stage: 'read' | 'write',
  url: string,
  secrets: Secrets,
  now: EpochMs,
): Refused {
  const { status, headers } = answer
  const retryAfter = parseRetryAfter(headers['retry-after'] ?? '', now)
  const message =
    status >= 300 && status < 400
      ? `${answered(status)}${redirection(headers, url)}.`
      : answered(status) + excerpt(answer, secrets)
  const refused = { kind: 'refused', stage, httpStatus: status, retryAfter, message } as const
  return withLearned(refused, headers, now)
}

/** A status in words, as the beginning of a sentence. */
export function answered(status: number): string {
  return `Answered ${status} ${STATUS_CODES[status] ?? ''}`.trimEnd()
}

/** Only the host: the rest of the address may hold what is nobody's business. */
function redirection({ location }: IncomingHttpHeaders, url: string): string {
  const host = location === undefined ? undefined : URL.parse(location, url)?.host
  return host === undefined ? '' : `, a redirect to ${host}; redirects are not followed`
}

/** The target's own words, which often say best what is wrong. */
function excerpt({ headers, body }: Answer, secrets: Secrets): string {
  const readable = /json|xml|^text\/plain/.test(headers['content-type'] ?? '')
  if ('unread' in body || !readable) return '.'
  if (body.length === 0 || body.length > KEPT_BYTES_MAX) return '.'
  return `: ${quoted(textOf(body), secrets)}`
}

/** What a body says, without the byte order mark that some servers begin with: JSON has none. */
export function textOf(body: Buffer): string {
  return body.toString().replace(/^\uFEFF/, '')
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
