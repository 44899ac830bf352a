/** The forms of text that the config of an HTTP system is made of. */
import Type from 'typebox'
import { parsePointer } from './pointer.ts'

/** An address to which paths can be added. */
export const BaseUrl = Type.Refine(
  Type.String(),
  (text) => isBaseUrl(text),
  () => 'must be an http:// or https:// URL without credentials, a query or a fragment',
)

function isBaseUrl(text: string): boolean {
  const url = /^https?:\/\/[!-[\]-~]+$/.test(text) && !/[?#]/.test(text) ? URL.parse(text) : null
  return url !== null && url.username === '' && url.password === '' && url.port !== '0'
}

/** What would break the message around it, and what Sluice says itself. */
const RESERVED = new Set([
  ...['host', 'content-length', 'transfer-encoding', 'connection', 'keep-alive', 'upgrade'],
  ...['expect', 'te', 'trailer', 'cookie', 'accept-encoding'],
  ...['idempotency-key', 'traceparent', 'sluice-request-id', 'sluice-mapping-id'],
])

function isHeaderName(name: string): boolean {
  return /^[\w!#$%&'*+.^`|~-]{1,128}$/.test(name) && !RESERVED.has(name.toLowerCase())
}

const HEADER_NAME = `must be a header name, and none of ${[...RESERVED].join(', ')}`

/** The name of a header that may be chosen. */
export const HeaderName = Type.Refine(Type.String(), isHeaderName, () => HEADER_NAME)

/** What a header may hold. */
export const HeaderValue = Type.Refine(
  Type.String(),
  (value) => /^[\t\x20-\x7e]{0,8192}$/.test(value),
  () => 'must be printable ASCII on one line',
)

/** Headers by their names. */
export const Headers = Type.Refine(
  Type.Record(Type.String(), HeaderValue, { maxProperties: 64 }),
  (headers) => Object.keys(headers).every(isHeaderName),
  () => `holds a name that is not allowed; each ${HEADER_NAME}`,
)

/** A token, a key, a name: one word. */
export const Printable = Type.Refine(
  Type.String(),
  (text) => /^[!-~]{1,8192}$/.test(text),
  () => 'must be printable ASCII without spaces',
)

/** Whether a text is a JSON pointer. */
export function isPointer(text: string): boolean {
  return parsePointer(text) !== null
}

/** A JSON pointer into an answer. */
export const PointerText = Type.Refine(
  Type.String(),
  isPointer,
  () => 'must be a JSON pointer such as /data/id',
)
