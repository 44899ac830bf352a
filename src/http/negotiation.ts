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

/** Whether an Accept header lets us answer with JSON. */
export function acceptsJson(accept: string | undefined): boolean {
  if (accept === undefined || accept === '*/*' || accept === 'application/json') return true
  return accept.split(',').some((range) => {
    const [type = '', ...parameters] = range.toLowerCase().split(';')
    return (
      ['*/*', 'application/*', 'application/json'].includes(type.trim()) &&
      !parameters.some((parameter) => /^\s*q\s*=\s*0(\.0*)?\s*$/.test(parameter))
    )
  })
}
