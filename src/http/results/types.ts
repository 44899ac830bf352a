/** The media types that results come in. */
import type { DownloadOrder } from './download.ts'

export const CSV_TYPE = 'text/csv'
export const NDJSON_TYPES = ['application/x-ndjson', 'application/ndjson', 'application/jsonl']

/** All of them, the usual one first. */
export const RESULT_TYPES: readonly string[] = ['application/json', ...NDJSON_TYPES, CSV_TYPE]

/** The form of a download of this type; null where it is no download. */
export function formOfType(type: string | null): DownloadOrder['form'] | null {
  if (type === CSV_TYPE) return 'csv'
  return type !== null && NDJSON_TYPES.includes(type) ? 'ndjson' : null
}
