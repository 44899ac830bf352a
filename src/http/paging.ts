import type { FastifyReply } from 'fastify'
import Type from 'typebox'
import { refuse } from '../intake/problem.ts'
import { sendBadInput } from './problem.ts'

const LIMIT = { default: 1000, max: 10_000 } as const

/** The query parameters that every list has. */
export const pagingParameters = {
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      default: LIMIT.default,
      description: `How many at most; more than ${LIMIT.max} is cut to that.`,
    }),
  ),
  cursor: Type.Optional(
    Type.String({ description: 'The `next_cursor` of the page before, with the same filters.' }),
  ),
}

export const NextCursorSchema = Type.Union([Type.String(), Type.Null()], {
  description: 'Asks for what comes after; null, and only that, is the end.',
})

/** How many items a page may have. */
export function pageLimit(asked: number | undefined): number {
  return Math.min(asked ?? LIMIT.default, LIMIT.max)
}

/** Answers a cursor that is not one of the list that was asked for. */
export function sendInvalidCursor(reply: FastifyReply): FastifyReply {
  const detail =
    'Use the next_cursor of a page of this list, with the same filters, or leave it out.'
  return sendBadInput(
    reply,
    refuse([{ pointer: '#/query/cursor', code: 'invalid_cursor', detail }]),
  )
}
