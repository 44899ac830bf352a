import type { Json } from '../../../core/units.ts'
import type { Impossible } from '../../kind.ts'
import { invalidPayload, serialize } from '../endings.ts'

/** Turns payloads into lines, each with its newline. */
export interface LineFormat {
  /** Begins an empty file. */
  readonly header: string
  line(payload: Json): string | Impossible
}

/** One JSON text a line, whatever the payload is. */
export const NDJSON: LineFormat = {
  header: '',
  line(payload) {
    const text = serialize(payload)
    return typeof text === 'string' ? `${text}\n` : text
  },
}

/**
 * RFC 4180, with a header and plain newlines. Objects and lists are written as JSON, and what is null
 * or missing is empty.
 */
export function csv(columns: readonly string[]): LineFormat {
  return {
    header: row(columns),
    line(payload) {
      if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) {
        return invalidPayload('The payload must be an object, to become a row.')
      }
      const checked = serialize(payload)
      if (typeof checked !== 'string') return checked
      const fields = new Map(Object.entries(payload))
      return row(columns.map((column) => cell(fields.get(column) ?? null)))
    },
  }
}

function cell(value: Json): string {
  if (value === null) return ''
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function row(cells: readonly string[]): string {
  return `${cells.map(quoted).join(',')}\n`
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
