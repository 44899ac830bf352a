import { isJsonObject } from '../../../lib/json/object.ts'
import type { Delivery, Impossible } from '../../kind.ts'
import { invalidPayload, serialize } from '../endings.ts'

/** Rows as the one parameter of an upsert. */
export function listOf(rows: readonly string[]): string {
  return `[${rows.join(',')}]`
}

/**
 * The payload's fields that have a column, as JSON; what it lacks is null, but for the key: the mapping's
 * id.
 */
export function rowOf(
  { call, payload }: Delivery,
  columns: readonly string[],
): string | Impossible {
  if (!isJsonObject(payload))
    return invalidPayload('The payload must be an object, to become a row.')
  const values = columns.map((column, place) => {
    const value = Object.hasOwn(payload, column) ? payload[column] : null
    return [column, place === 0 ? (value ?? call.mapping.id) : value]
  })
  return serialize(Object.fromEntries(values))
}
