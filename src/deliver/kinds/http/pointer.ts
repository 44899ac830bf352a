import type { Json } from '../../../core/units.ts'
import { stepsOf } from '../../../lib/json/pointer.ts'

/** Where in a JSON value something is: the steps of a JSON pointer (RFC 6901). */
export type Pointer = readonly string[]

/** Reads `/data/id`; the empty text is the whole value. Null for anything else. */
export function parsePointer(text: string): Pointer | null {
  return /^(\/([^~/]|~[01])*)*$/.test(text) ? stepsOf(text) : null
}

/** What is at that place; undefined where there is nothing. */
export function pick(value: Json, pointer: Pointer): Json | undefined {
  let found: Json | undefined = value
  for (const step of pointer) {
    if (typeof found !== 'object' || found === null) return undefined
    if (isList(found)) found = /^(0|[1-9]\d*)$/.test(step) ? found[Number(step)] : undefined
    else found = Object.hasOwn(found, step) ? found[step] : undefined
  }
  return found
}

/** Whether a value is a list. `Array.isArray` alone forgets what is in it. */
export function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value)
}

/**
 * A text, a number or a boolean as text; null for anything else. `String` throws where an object of
 * somebody else's has a `toString` of its own.
 */
export function wordOf(value: Json | undefined): string | null {
  return value === undefined || typeof value === 'object' ? null : String(value)
}
