import type { Json } from '../../../core/units.ts'

/** A double holds every number of so many digits. */
const DIGITS_EXACT = 15

/**
 * Reads a row. A number that a double cannot hold, a large bigint perhaps, comes as its text. Null where it is
 * nested so deeply that it cannot be read so; a row itself never is.
 */
export function parseRecord(text: string): Json | null {
  try {
    return JSON.parse(text, exact)
  } catch {
    return null
  }
}

function exact(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source
  if (typeof value !== 'number' || source === undefined) return value
  const digits = source.replaceAll(/\D/g, '').length
  return digits <= DIGITS_EXACT || String(value) === source ? value : source
}
