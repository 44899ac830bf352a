import type { JsonObject } from '../../core/units.ts'

/** Whether a value that was read as JSON is an object, as opposed to a list, a text, a number or nothing. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
