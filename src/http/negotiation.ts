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
