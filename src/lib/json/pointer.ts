/** The way to one place in a JSON document: keys and array positions, from the outside in. */
export type JsonPath = readonly (string | number)[]

/** A key is the sender's own text; no more of it than this is ever handed back. */
const SEGMENT_LENGTH_MAX = 64

/** A path as a JSON pointer in its URI fragment form (RFC 6901 section 6): `#/mappings/3/id`. */
export function pointerTo(path: JsonPath): string {
  return ['#', ...path.map(segment)].join('/')
}

/** The path that a pointer made by `pointerTo` came from, positions as texts. */
export function pathOf(pointer: string): JsonPath {
  return stepsOf(decodeURIComponent(pointer))
}

/** The steps of a JSON pointer as a text has it (RFC 6901 section 5): of `/a~1b/0` these are `a/b` and `0`. */
export function stepsOf(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** What stands for itself: nearly every step, and the rest costs ten times as much. */
const PLAIN = /^[\w-]{1,64}$/

function segment(step: string | number): string {
  if (typeof step === 'number' || PLAIN.test(step)) return String(step)
  const text = String(step).slice(0, SEGMENT_LENGTH_MAX).toWellFormed()
  return encodeURIComponent(text.replaceAll('~', '~0').replaceAll('/', '~1'))
}
