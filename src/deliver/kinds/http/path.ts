import type { Mapping } from '../../../core/mapping.ts'

/** Turns a mapping into the path of its call; null where its names would leave their place. */
export type PathTemplate = (mapping: Mapping) => string | null

/** A path of printable ASCII from its first slash on, without a fragment or a backslash. */
const FORM = /^\/[!-"$-[\]-~]*$/
const PLACEHOLDER = /\{(id|source|target)\}/
const DOT_SEGMENT = /\/\.{1,2}(?=[/?]|$)/

/** What is wrong with a path template, as the end of a sentence; null where nothing is. */
export function pathFault(template: string): string | null {
  if (!FORM.test(template)) return 'must begin with / and hold only printable ASCII, no # and no \\'
  if (DOT_SEGMENT.test(template)) return 'cannot hold a segment . or ..'
  const rest = template.split(PLACEHOLDER).filter((_, place) => place % 2 === 0)
  return rest.some((literal) => /[{}]/.test(literal))
    ? 'can have {id}, {source} and {target} in braces, and nothing else'
    : null
}

/**
 * Compiles a template. What is put in is percent-encoded, so that a slash in an id stays within its
 * segment; only a segment that would become `.` or `..` cannot be written safely, because servers
 * resolve it even when it is encoded (RFC 3986 section 6.2.2.3).
 *
 * @param prefix comes before every path, without a slash at its end
 */
export function compilePath(prefix: string, template: string): PathTemplate {
  const [head = '', ...parts] = template.split(PLACEHOLDER)
  const fixed = prefix + head
  if (parts.length === 0) return () => fixed
  return (mapping) => {
    let path = fixed
    for (const [place, part] of parts.entries()) {
      path += place % 2 === 0 ? encodeURIComponent(field(mapping, part).toWellFormed()) : part
    }
    return DOT_SEGMENT.test(path) ? null : path
  }
}

function field(mapping: Mapping, name: string): string {
  if (name === 'source') return mapping.source
  return name === 'target' ? mapping.target : mapping.id
}
