import type { FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { idempotencyKeyIn } from '../intake/idempotency-key.ts'
import { type Refusal, refuse } from '../intake/problem.ts'
import { sendProblem } from './problem.ts'

/** The header of every request that makes a request. */
export const IdempotencyHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      description:
        '1 to 255 visible ASCII characters, bare or quoted. With the same body, the first answer comes again.',
      examples: ['nightly-2026-01-31'],
    }),
  ),
})

/** What a 202 has beside its body. */
export const RECEIPT_HEADERS = {
  Location: { type: 'string', description: 'Where to follow it.' },
  'Idempotency-Replayed': {
    type: 'string',
    description: '`true` where the key was used before; nothing new was stored.',
  },
} as const

/** What a key may be refused for. */
export const KEY_PROBLEMS = ['idempotency-in-progress', 'idempotency-key-reused'] as const

/** The key that a request was sent with; null where it has none. */
export function keyOf({ headers }: FastifyRequest): { readonly key: string | null } | Refusal {
  const header = headers['idempotency-key']
  if (header === undefined) return { key: null }
  const key = typeof header === 'string' ? idempotencyKeyIn(header) : null
  return key === null ? INVALID_KEY : { key }
}

const INVALID_KEY = refuse([
  {
    pointer: '#/header/idempotency-key',
    code: 'invalid_idempotency_key',
    detail: 'An Idempotency-Key is 1 to 255 visible ASCII characters, bare or quoted.',
  },
])

/** Answers a request whose key belongs to another one, or to one that is still on its way. */
export function sendKeyProblem(reply: FastifyReply, kind: KeyFault): FastifyReply {
  const { slug, detail } = keyProblem(kind)
  return sendProblem(reply, slug, detail)
}

type KeyFault = 'conflict' | 'receiving'

/** Why a key cannot be used. */
export function keyProblem(kind: KeyFault) {
  return kind === 'conflict'
    ? ({ slug: 'idempotency-key-reused', detail: REUSED } as const)
    : ({ slug: 'idempotency-in-progress', detail: IN_PROGRESS } as const)
}

const REUSED = 'This Idempotency-Key was used for another body; use a new one.'
const IN_PROGRESS =
  'A request with this Idempotency-Key is still being received; try again when it has come.'
