import type { Call } from '../../kind.ts'
import { compileTemplate, isTemplate, PLACEHOLDERS } from '../template.ts'

/** Turns a call into the path it goes to; null where the mapping's names would leave their place. */
export type PathTemplate = (call: Call) => string | null

/** A path of printable ASCII from its first slash on, without a fragment or a backslash. */
const FORM = /^\/[!-"$-[\]-~]*$/
const DOT_SEGMENT = /\/\.{1,2}(?=[/?]|$)/

/** What is wrong with a path template, as the end of a sentence; null where nothing is. */
export function pathFault(template: string): string | null {
  if (!FORM.test(template)) return 'must begin with / and hold only printable ASCII, no # and no \\'
  if (DOT_SEGMENT.test(template)) return 'cannot hold a segment . or ..'
  return isTemplate(template) ? null : PLACEHOLDERS
}

/** The values of a query by their names: templates, of any text. */
export type Query = Readonly<Record<string, string>>

/**
 * Compiles a path and its query. What is put in is percent-encoded, so that a slash in an id stays
 * within its segment; only a segment that would become `.` or `..` cannot be written safely, because
 * servers resolve it even when it is encoded (RFC 3986 section 6.2.2.3).
 *
 * @param prefix comes before every path, without a slash at its end
 */
export function compilePath(prefix: string, path: string, query: Query = {}): PathTemplate {
  const whole = compileTemplate(prefix + path + queryTemplate(path, query), encoded)
  return (call) => {
    const filled = whole(call)
    return DOT_SEGMENT.test(filled) ? null : filled
  }
}

/** The pairs of a query as they are sent, each as far as it is the same for all mappings. */
export function fixedPairs(path: string, query: Query = {}): readonly string[] {
  const [, ...own] = (path + queryTemplate(path, query)).split('?')
  const pairs = own.join('?').split('&')
  return pairs.map((pair) => pair.replace(/\{.*/, '')).filter((pair) => !pair.endsWith('='))
}

/** Its literal parts are encoded here, and what is put in later. */
function queryTemplate(path: string, query: Query): string {
  const pairs = Object.entries(query).map(([name, value]) => `${encoded(name)}=${literal(value)}`)
  if (pairs.length === 0) return ''
  return (path.includes('?') ? '&' : '?') + pairs.join('&')
}

function literal(template: string): string {
  return template
    .split(/(\{\w+\})/)
    .map((part, place) => (place % 2 === 0 ? encoded(part) : part))
    .join('')
}

function encoded(value: string): string {
  return encodeURIComponent(value.toWellFormed())
}
