/** The media types that results come in. */
import { MEDIA_TYPES } from '../negotiation.ts'
import type { DownloadOrder } from './download.ts'

/** All of them, the usual one first. */
export const RESULT_TYPES: readonly string[] = Object.values(MEDIA_TYPES).flat()

/** The form of a download of this type; null where it is no download. */
export function formOfType(type: string | null): DownloadOrder['form'] | null {
  const forms = ['ndjson', 'csv'] as const
  return forms.find((form) => MEDIA_TYPES[form].some((known) => known === type)) ?? null
}
