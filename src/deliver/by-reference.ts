import { MASK } from '../core/preview.ts'

/**
 * The texts of a config that came by reference, from the environment or from a file.
 *
 * @param shown the same config with a mask in the place of each
 */
export function textsByReference(config: unknown, shown: unknown): readonly string[] {
  if (typeof config === 'string') return typeof shown === 'string' ? unmasked(config, shown) : []
  if (typeof config !== 'object' || config === null) return []
  const beside = new Map(Object.entries(shown ?? {}))
  return Object.entries(config).flatMap(([key, value]) => textsByReference(value, beside.get(key)))
}

/** What of a text is masked; of two masks without anything between them all is the second one's. */
function unmasked(text: string, shown: string): readonly string[] {
  if (text === shown) return []
  const [{ length: start } = '', ...literals] = shown.split(MASK)
  let from = start
  return literals.map((literal, place) => {
    const isLast = place === literals.length - 1
    const to = isLast ? text.length - literal.length : text.indexOf(literal, from)
    const part = text.slice(from, to)
    from = to + literal.length
    return part
  })
}
