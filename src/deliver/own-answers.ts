/**
 * What a kind that somebody else wrote may answer. Not everybody lets a compiler look at what they wrote,
 * so each answer is checked, and made one that may be stored and shown.
 */
import Type, { type Static } from 'typebox'
import Compile from 'typebox/compile'
import type { Json } from '../core/units.ts'
import type { ReadAnswer, Refusal, WriteAnswer } from './kind.ts'
import { type CallStage, invalidRecord, RECORD_BYTES_MAX } from './kinds/endings.ts'
import { quoted, type Secrets } from './quote.ts'

const message = Type.String()
const code = Type.String({ pattern: '^[a-z][a-z0-9_]{0,63}$' })

/** In whatever stage: only we know which one it was. */
const Refused = Type.Union([
  Type.Object({
    kind: Type.Literal('refused'),
    httpStatus: Type.Integer({ minimum: 100, maximum: 599 }),
    retryAfter: Type.Union([Type.Number({ minimum: 0 }), Type.Null()]),
    divisible: Type.Optional(Type.Literal(true)),
    message,
  }),
  Type.Object({
    kind: Type.Literal('declined'),
    manner: Type.Enum(['unauthorized', 'unavailable', 'rejected']),
    message,
  }),
  Type.Object({
    kind: Type.Literal('unanswered'),
    code: Type.Enum(['timeout', 'connection_failed', 'invalid_response']),
    message,
  }),
  Type.Object({ kind: Type.Literal('impossible'), code, message }),
  Type.Object({ kind: Type.Literal('misconfigured'), code, message }),
])

const refused = Compile(Refused)

/** The answer to a read. */
export function asRead(answer: unknown, secrets: Secrets): ReadAnswer {
  if (!hasKind(answer, 'record')) return asRefusal(answer, 'read', secrets)
  const record = asJson(answer['record'], RECORD_BYTES_MAX)
  return record === null
    ? invalidRecord(`The record is not JSON of at most ${RECORD_BYTES_MAX} bytes.`)
    : { kind: 'record', record: record.value }
}

/** A larger answer is not kept: a result is there to be looked at. */
const RESULT_BYTES_MAX = 4096

/** The answer to a write. */
export function asWrite(answer: unknown, secrets: Secrets): WriteAnswer {
  if (!hasKind(answer, 'delivered')) return asRefusal(answer, 'write', secrets)
  const result = asJson(answer['result'], RESULT_BYTES_MAX)
  return {
    kind: 'delivered',
    result: result === null ? '(no JSON, or too large to keep)' : result.value,
  }
}

function asRefusal(answer: unknown, stage: CallStage, secrets: Secrets): Refusal {
  if (hasKind(answer, 'interrupted')) return { kind: 'interrupted' }
  if (!refused.Check(answer)) return { kind: 'unanswered', stage, ...NO_ANSWER }
  const found: Static<typeof Refused> = answer
  const words = { stage, message: quoted(found.message, secrets) }
  switch (found.kind) {
    case 'refused': {
      const { kind, httpStatus, retryAfter, divisible } = found
      return { kind, httpStatus, retryAfter, ...(divisible && { divisible }), ...words }
    }
    case 'declined':
      return { kind: found.kind, manner: found.manner, ...words }
    case 'unanswered':
      return { kind: found.kind, code: found.code, ...words }
    default:
      return { kind: found.kind, code: found.code, ...words }
  }
}

const NO_ANSWER = {
  code: 'invalid_response',
  message: 'The kind gave something that is no answer.',
} as const

function hasKind(answer: unknown, kind: string): answer is Readonly<Record<string, unknown>> {
  return typeof answer === 'object' && answer !== null && 'kind' in answer && answer.kind === kind
}

/** Wrapped, because null is a value; null where it is not JSON, or too large. Nothing is null, too. */
function asJson(value: unknown, bytesMax: number): { readonly value: Json } | null {
  try {
    const text = JSON.stringify(value ?? null)
    return Buffer.byteLength(text) <= bytesMax ? { value: JSON.parse(text) } : null
  } catch {
    return null
  }
}
