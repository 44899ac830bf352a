/** Expressions in a transformation: which strings are one. What they say is for `jsonata.ts`. */
import type { Json } from '../core/units.ts'
import type { JsonPath } from './json/pointer.ts'

const OPENING = '{%'
const CLOSING = '%}'

/** Whether text may hold an expression at all, once it is parsed: true more often than it is so. */
export function mayHoldExpressions(json: string): boolean {
  return json.includes(OPENING)
}

/** What a string computes, where it is `{% … %}` from end to end; null where it stands for itself. */
export function expressionIn(text: string): string | null {
  const isExpression =
    text.startsWith(OPENING) &&
    text.endsWith(CLOSING) &&
    text.length >= OPENING.length + CLOSING.length
  return isExpression ? text.slice(OPENING.length, -CLOSING.length) : null
}

/** Whether any string in a value is an expression. */
export function holdsExpressions(value: Json): boolean {
  if (typeof value === 'string') return expressionIn(value) !== null
  if (typeof value !== 'object' || value === null) return false
  return Object.values<Json>(value).some(holdsExpressions)
}

/** One expression, and where it lies in the value that was searched. */
export interface FoundExpression {
  readonly path: JsonPath
  readonly source: string
}

/** All the expressions in a value, in the order in which they were written. */
export function expressionsIn(value: Json, path: JsonPath = []): FoundExpression[] {
  if (typeof value === 'string') {
    const source = expressionIn(value)
    return source === null ? [] : [{ path, source }]
  }
  if (typeof value !== 'object' || value === null) return []
  return Object.entries<Json>(value).flatMap(([key, inner]) => expressionsIn(inner, [...path, key]))
}
