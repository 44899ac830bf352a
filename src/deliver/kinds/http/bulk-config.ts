import Type, { type Static } from 'typebox'
import { BULK_MAX } from '../many.ts'
import { Headers, PointerText } from './forms.ts'
import { pathFault } from './path.ts'

/** How the answer to a bulk call tells what became of each mapping. */
const Answers = Type.Object({
  /** The list tells of the mappings in the order in which they were sent, or names them. */
  by: Type.Enum(['index', 'id']),
  /** Where the list is; without it, the answer is the list. */
  list: Type.Optional(PointerText),
  /** Where, in one of the list, the mapping's id is. */
  id: Type.Optional(PointerText),
  /** Where its HTTP status is. */
  status: Type.Optional(PointerText),
  /** Where true or false is, for taken or not. */
  ok: Type.Optional(PointerText),
  message: Type.Optional(PointerText),
  result: Type.Optional(PointerText),
})

/** What the systems file may say of an endpoint that takes many payloads in one call. */
export const Bulk = Type.Object({
  method: Type.Optional(Type.Enum(['POST', 'PUT', 'PATCH', 'DELETE'])),
  path: Type.Refine(
    Type.String({ maxLength: 2048 }),
    (path) => pathFault(path) === null && !/[{}]/.test(path),
    (path) => pathFault(String(path)) ?? 'cannot hold braces: the call is for many mappings',
  ),
  max: Type.Integer({ minimum: 1, maximum: BULK_MAX }),
  headers: Type.Optional(Headers),
  /** The name under which the list of payloads is sent; without it, the list is the body. */
  wrap: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
  /** Without it, the status of the call is the status of each. */
  answers: Type.Optional(
    Type.Refine(
      Answers,
      ({ by, id, status, ok }) =>
        (by === 'id') === (id !== undefined) && (status ?? ok) !== undefined,
      () => 'needs status or ok, and id where (and only where) the list is read by id',
    ),
  ),
})

export type BulkConfig = Static<typeof Bulk>
export type AnswersConfig = Static<typeof Answers>
