/** What a body may be, and what an answer may be. */

export type BodyFault = 'unsupported-media-type' | 'unsupported-encoding'

/** Why a body with these headers is not taken; null when it is JSON in UTF-8, as it is. */
export function faultOfBody(
  contentType: string | undefined,
  contentEncoding: string | undefined,
): BodyFault | null {
  if (!isJson(contentType)) return 'unsupported-media-type'
  return contentEncoding === undefined || contentEncoding.trim().toLowerCase() === 'identity'
    ? null
    : 'unsupported-encoding'
}

/** The media types that requests come in and results go out in, by what they are; the usual ones first. */
export const MEDIA_TYPES = {
  json: ['application/json'],
  ndjson: ['application/x-ndjson', 'application/ndjson', 'application/jsonl'],
  csv: ['text/csv'],
} as const

/** How a body that may be large comes. */
export interface UploadForm {
  readonly format: keyof typeof MEDIA_TYPES
  readonly encoding: (typeof ENCODINGS)[number]
}

const ENCODINGS = ['identity', 'gzip', 'zstd'] as const

/** How a body with these headers comes; or why it is not taken. */
export function uploadForm(
  contentType: string | undefined,
  contentEncoding: string | undefined,
): UploadForm | BodyFault {
  const format = formatOf(contentType)
  if (format === null) return 'unsupported-media-type'
  const name = (contentEncoding ?? 'identity').trim().toLowerCase()
  const encoding = ENCODINGS.find((known) => known === name || `x-${known}` === name)
  return encoding === undefined ? 'unsupported-encoding' : { format, encoding }
}

function formatOf(contentType: string | undefined): UploadForm['format'] | null {
  if (contentType === 'application/json') return 'json'
  const [type = '', ...parameters] = (contentType ?? '').toLowerCase().split(';')
  if (!parameters.every(isHarmless)) return null
  const name = type.trim()
  if (isOneOf(MEDIA_TYPES.json, name)) return 'json'
  if (isOneOf(MEDIA_TYPES.ndjson, name)) return 'ndjson'
  // Without the names of its columns nobody knows what a table holds.
  const isTable = isOneOf(MEDIA_TYPES.csv, name) && !parameters.some(isHeaderless)
  return isTable ? 'csv' : null
}

function isOneOf(types: readonly string[], name: string): boolean {
  return types.includes(name)
}

function isHeaderless(parameter: string): boolean {
  return /^\s*header\s*=\s*"?absent"?\s*$/.test(parameter)
}

function isJson(contentType: string | undefined): boolean {
  if (contentType === 'application/json') return true
  if (contentType === undefined) return false
  const [type = '', ...parameters] = contentType.toLowerCase().split(';')
  return type.trim() === 'application/json' && parameters.every(isHarmless)
}

/** Any parameter but a charset other than UTF-8; JSON has none that matter. */
function isHarmless(parameter: string): boolean {
  const [name = '', value = ''] = parameter.split('=')
  return name.trim() !== 'charset' || /^"?utf-?8"?$/.test(value.trim())
}

/**
 * The offer that an Accept header likes best (RFC 9110 section 12.5.1), the earlier one where it likes
 * two the same; null where it takes none. For each offer the most exact range counts. Of the ranges'
 * parameters only `q` is heard: none of our types has another that a client could go without.
 */
export function negotiate(accept: string | undefined, offers: readonly string[]): string | null {
  const [first = null] = offers
  if (accept === undefined || accept === '*/*' || accept === first) return first
  if (NOTHING_SAID.test(accept)) return first
  const ranges = accept.toLowerCase().split(',').map(rangeOf)
  let best: string | null = null
  let liked = 0
  for (const offer of offers) {
    const quality = qualityOf(offer, ranges)
    if (quality > liked) {
      best = offer
      liked = quality
    }
  }
  return best
}

/** A list of nothing asks for nothing, and so does not rule anything out. */
const NOTHING_SAID = /^[\s,]*$/

interface Range {
  readonly type: string
  readonly quality: number
}

function rangeOf(text: string): Range {
  const [type = '', ...parameters] = text.split(';')
  const [said] = parameters.flatMap((parameter) => QUALITY.exec(parameter)?.[1] ?? [])
  return { type: type.trim(), quality: said === undefined ? 1 : Number(said) }
}

const QUALITY = /^\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*$/

function qualityOf(offer: string, ranges: readonly Range[]): number {
  const [major = ''] = offer.split('/')
  for (const type of [offer, `${major}/*`, '*/*']) {
    const qualities = ranges.filter((range) => range.type === type).map(({ quality }) => quality)
    if (qualities.length > 0) return Math.max(...qualities)
  }
  return 0
}
