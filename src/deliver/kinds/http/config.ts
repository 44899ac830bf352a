import Type, { type Static } from 'typebox'
import { parseSize } from '../../../core/quantity.ts'
import { pathFault } from './path.ts'

/** An answer larger than this is not taken in where the systems file does not say. */
export const MAX_RESPONSE_DEFAULT = '1MB'
const MAX_RESPONSE_MAX = 64e6

const BaseUrl = Type.Refine(
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
  ...['idempotency-key', 'sluice-request-id', 'sluice-mapping-id'],
])

function isHeaderName(name: string): boolean {
  return /^[\w!#$%&'*+.^`|~-]{1,128}$/.test(name) && !RESERVED.has(name.toLowerCase())
}

const HEADER_NAME = `must be a header name, and none of ${[...RESERVED].join(', ')}`

const HeaderName = Type.Refine(Type.String(), isHeaderName, () => HEADER_NAME)

const HeaderValue = Type.Refine(
  Type.String(),
  (value) => /^[\t\x20-\x7e]{0,8192}$/.test(value),
  () => 'must be printable ASCII on one line',
)

const Headers = Type.Refine(
  Type.Record(Type.String(), HeaderValue, { maxProperties: 64 }),
  (headers) => Object.keys(headers).every(isHeaderName),
  () => `holds a name that is not allowed; each ${HEADER_NAME}`,
)

const Auth = Type.Union([
  Type.Object({
    type: Type.Literal('bearer'),
    token: Type.Refine(
      Type.String(),
      (token) => /^[!-~]{1,8192}$/.test(token),
      () => 'must be printable ASCII without spaces',
    ),
  }),
  Type.Object({ type: Type.Literal('header'), name: HeaderName, value: HeaderValue }),
])

const Path = Type.Refine(
  Type.String({ maxLength: 2048 }),
  (path) => pathFault(path) === null,
  (path) => pathFault(String(path)) ?? '',
)

/** What the systems file may say of an HTTP system. */
export const config = Type.Object({
  base_url: BaseUrl,
  headers: Type.Optional(Headers),
  auth: Type.Optional(Auth),
  read: Type.Optional(
    Type.Object({ method: Type.Optional(Type.Enum(['GET', 'POST'])), path: Path }),
  ),
  write: Type.Optional(
    Type.Object({
      method: Type.Optional(Type.Enum(['POST', 'PUT', 'PATCH', 'DELETE'])),
      /** Without one, base_url itself. */
      path: Type.Optional(Path),
    }),
  ),
  max_response: Type.Optional(
    Type.Refine(
      Type.Unsafe<string>({}),
      (text) =>
        typeof text === 'string' &&
        (parseSize(text) ?? Number.POSITIVE_INFINITY) <= MAX_RESPONSE_MAX,
      () => 'must be a size of at most 64MB, such as 1MB',
    ),
  ),
})

export type HttpConfig = Static<typeof config>
