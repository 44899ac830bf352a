/** The known name that was probably meant, as ` (did you mean "x"?)`; empty where none is near. */
export function didYouMean(name: string, known: readonly string[]): string {
  if (name.length > LENGTH_MAX) return ''
  const allowed = name.length < SHORT ? 1 : Math.min(EDITS_MAX, Math.max(2, name.length / 3))
  const written = name.toLowerCase()
  let [best, enough] = ['', Math.floor(allowed) + 1]
  for (const candidate of known) {
    const edits = distance(written, candidate.toLowerCase(), enough)
    if (edits < enough) [best, enough] = [candidate, edits]
  }
  return best === '' ? '' : ` (did you mean "${best}"?)`
}

/** In shorter names two edits, a swap of two letters among them, leave too little in common. */
const SHORT = 4

/** More edits make another name of any, and take long to count where there are many names. */
const EDITS_MAX = 4

/** Names longer than this are near to nothing. */
const LENGTH_MAX = 64

/**
 * How many characters must be added, removed or replaced (Levenshtein), row by row, and `enough` where
 * it is as many or more. No row is looked at further from the diagonal than fewer edits can lead.
 */
function distance(from: string, to: string, enough: number): number {
  if (Math.abs(from.length - to.length) >= enough) return enough
  let row = Array.from({ length: to.length + 1 }, (_, column) => Math.min(column, enough))
  let next = new Array<number>(to.length + 1).fill(enough)
  for (let line = 1; line <= from.length; line++) {
    const first = Math.max(1, line - enough)
    const last = Math.min(to.length, line + enough)
    const letter = from.charCodeAt(line - 1)
    let left = first === 1 ? Math.min(line, enough) : enough
    let least = left
    next[first - 1] = left
    for (let column = first; column <= last; column++) {
      const replaced = (row[column - 1] ?? enough) + (letter === to.charCodeAt(column - 1) ? 0 : 1)
      left = Math.min(replaced, (row[column] ?? enough) + 1, left + 1, enough)
      next[column] = left
      if (left < least) least = left
    }
    if (least >= enough) return enough
    const above = row
    row = next
    next = above.fill(enough)
  }
  return row[to.length] ?? enough
}
