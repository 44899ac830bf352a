/** The known name that was probably meant, as ` (did you mean "x"?)`; empty where none is near. */
export function didYouMean(name: string, known: readonly string[]): string {
  const allowed = name.length < SHORT ? 1 : Math.max(2, Math.floor(name.length / 3))
  const [best] = known
    .map((candidate) => ({
      candidate,
      edits: distance(name.toLowerCase(), candidate.toLowerCase()),
    }))
    .filter(({ edits }) => edits <= allowed)
    .sort((a, b) => a.edits - b.edits)
  return best === undefined ? '' : ` (did you mean "${best.candidate}"?)`
}

/** In shorter names two edits, a swap of two letters among them, leave too little in common. */
const SHORT = 4

/** Names longer than this are near to nothing; bounds what a comparison costs. */
const LENGTH_MAX = 64

/** How many characters must be added, removed or replaced (Levenshtein), row by row. */
function distance(from: string, to: string): number {
  if (from.length > LENGTH_MAX) return Number.POSITIVE_INFINITY
  let row = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (const letter of from) {
    const next = [(row[0] ?? 0) + 1]
    for (const [column, other] of [...to].entries()) {
      const replaced = (row[column] ?? 0) + (letter === other ? 0 : 1)
      next.push(Math.min(replaced, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
