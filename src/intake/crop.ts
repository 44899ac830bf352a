import { isJsonObject } from '../lib/json/object.ts'

/** No object that a schema describes key by key has so many; the first of them tell what is wrong. */
const KEYS_MAX = 32

/**
 * As much of a value as it takes to say what is wrong with its shape: the keys that it may have, and the
 * first of all others. Checks take their time over every key, and a body has room for 100,000.
 */
export function crop(value: unknown, known: ReadonlySet<string>): unknown {
  if (!isJsonObject(value)) return value
  const keys = Object.keys(value)
  if (keys.length <= KEYS_MAX) return value
  let unknown = 0
  const shown = keys.filter((key) => known.has(key) || unknown++ < KEYS_MAX)
  return Object.fromEntries(shown.map((key) => [key, value[key]]))
}
