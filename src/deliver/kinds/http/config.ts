import Type, { type Static } from 'typebox'
import { parseStatuses } from '../../../core/answers.ts'
import { parseSize } from '../../../core/quantity.ts'
import { AllowPrivate } from '../../connect/guard.ts'
import { Tls } from '../../connect/tls.ts'
import { isTemplate, PLACEHOLDERS } from '../template.ts'
import { Auth } from './auth.ts'
import { BODY_FORMS } from './body.ts'
import { Bulk } from './bulk-config.ts'
import { BaseUrl, Headers, isPointer, PointerText } from './forms.ts'
import { pathFault } from './path.ts'

/** An answer larger than this is not taken in where the systems file does not say. */
export const MAX_RESPONSE_DEFAULT = '1MB'
const MAX_RESPONSE_MAX = 64e6

const Path = Type.Refine(
  Type.String({ maxLength: 2048 }),
  (path) => pathFault(path) === null,
  (path) => pathFault(String(path)) ?? '',
)

const HeaderTemplates = Type.Refine(
  Headers,
  (headers) => Object.values(headers).every(isTemplate),
  () => PLACEHOLDERS,
)

const Query = Type.Refine(
  Type.Record(Type.String({ minLength: 1 }), Type.String({ maxLength: 2048 }), {
    maxProperties: 64,
  }),
  (query) => Object.values(query).every(isTemplate),
  () => PLACEHOLDERS,
)

const Read = Type.Object({
  method: Type.Optional(Type.Enum(['GET', 'POST'])),
  path: Path,
  query: Type.Optional(Query),
  headers: Type.Optional(HeaderTemplates),
  /** Where in the answer the record is; without it, the whole answer. */
  record: Type.Optional(PointerText),
})

const Write = Type.Object({
  method: Type.Optional(Type.Enum(['POST', 'PUT', 'PATCH', 'DELETE'])),
  /** Without one, base_url itself. */
  path: Type.Optional(Path),
  query: Type.Optional(Query),
  headers: Type.Optional(HeaderTemplates),
  body: Type.Optional(Type.Enum([...BODY_FORMS])),
  /** Where in the answer the result is; `none` keeps nothing of it. */
  result: Type.Optional(
    Type.Refine(
      Type.String(),
      (text) => text === 'none' || isPointer(text),
      () => 'must be a JSON pointer such as /data/id, or none',
    ),
  ),
})

const Statuses = Type.Refine(
  Type.Unsafe<readonly unknown[]>({}),
  (value) => parseStatuses(value) !== null,
  () => 'must be a list of HTTP statuses, such as [200-299, 409]',
)

/** What the systems file may say of an HTTP system. */
export const config = Type.Object({
  base_url: BaseUrl,
  headers: Type.Optional(Headers),
  auth: Type.Optional(Auth),
  read: Type.Optional(Read),
  write: Type.Optional(Write),
  bulk: Type.Optional(Bulk),
  /** The statuses that are a success. */
  ok: Type.Optional(Statuses),
  tls: Type.Optional(Tls),
  /** Speaks HTTP/2 where the target does. */
  http2: Type.Optional(Type.Boolean()),
  allow_private: Type.Optional(AllowPrivate),
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
export type ReadConfig = Static<typeof Read>
export type WriteConfig = Static<typeof Write>
