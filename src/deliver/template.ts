import type { Mapping } from '../core/mapping.ts'
import type { Json, JsonObject } from '../core/units.ts'

/**
 * What is handed to the target: the transformation, whose strings all stand for themselves; without
 * one the record; without either the mapping's own coordinates.
 *
 * @param record undefined where there is none
 */
export function payload(mapping: Mapping, record: Json | undefined): Json {
  const { id, source, target, transformation } = mapping
  return transformation ?? (record === undefined ? { id, source, target } : record)
}

/**
 * The JSON pointer of the first string that asks to be computed, as `{% … %}`; null where there is
 * none. Only literal transformations can be carried out, so intake turns others away.
 */
export function findExpression(transformation: JsonObject): string | null {
  return find(transformation, '')
}

const EXPRESSION = /^\{%.*%\}$/s

function find(value: Json, pointer: string): string | null {
  if (typeof value === 'string') return EXPRESSION.test(value) ? pointer : null
  if (typeof value !== 'object' || value === null) return null
  for (const [key, inner] of Object.entries(value)) {
    const found = find(inner, `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`)
    if (found !== null) return found
  }
  return null
}
