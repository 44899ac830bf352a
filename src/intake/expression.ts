import type { Json } from '../core/units.ts'
import type { JsonPath } from '../lib/json/pointer.ts'

/** Where the first string lies that is an expression, `{% … %}` from end to end; null for none. */
export function findExpression(value: Json): JsonPath | null {
  if (typeof value === 'string') return isExpression(value) ? [] : null
  if (typeof value !== 'object' || value === null) return null
  for (const [key, inner] of Object.entries<Json>(value)) {
    const path = findExpression(inner)
    if (path !== null) return [key, ...path]
  }
  return null
}

/** Whether a body's text may hold an expression at all; `{` and `%` can be escaped. */
export function mayHoldExpressions(text: string): boolean {
  return text.includes('{%') || text.includes('\\u')
}

function isExpression(text: string): boolean {
  return text.startsWith('{%') && text.endsWith('%}') && text.length >= '{%%}'.length
}
