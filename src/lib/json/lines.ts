import { visit } from 'jsonc-parser'
import { type JsonPath, pointerTo } from './pointer.ts'

/** Longer texts get no line numbers: they would cost more time than they are worth. */
const TEXT_LENGTH_MAX = 4_000_000

/**
 * The lines, counted from 1, on which the given places of a valid JSON text begin. A place that is
 * not there gets the line of the nearest that is around it.
 */
export function linesOf(text: string, pointers: readonly string[]): ReadonlyMap<string, number> {
  if (text.length > TEXT_LENGTH_MAX) return new Map()
  const wanted = new Set(pointers.flatMap(withParents))
  const found = new Map<string, number>()
  const note = (pathOf: () => JsonPath, line: number): boolean => {
    // Paths are what costs: none is put together once all is found.
    if (found.size === wanted.size) return false
    const pointer = pointerTo(pathOf())
    if (!wanted.has(pointer)) return false
    if (!found.has(pointer)) found.set(pointer, line + 1)
    return true
  }
  visit(text, {
    // False leaves out everything inside; it ends only where an end is listened to.
    onObjectBegin: (_offset, _length, line, _column, pathOf) => note(pathOf, line),
    onArrayBegin: (_offset, _length, line, _column, pathOf) => note(pathOf, line),
    onObjectEnd: () => {},
    onArrayEnd: () => {},
    onObjectProperty: (key, _offset, _length, line, _column, pathOf) => {
      note(() => [...pathOf(), key], line)
    },
    onLiteralValue: (_value, _offset, _length, line, _column, pathOf) => {
      note(pathOf, line)
    },
  })
  return new Map(
    pointers.flatMap((pointer) => {
      const nearest = withParents(pointer).find((place) => found.has(place))
      const line = nearest === undefined ? undefined : found.get(nearest)
      return line === undefined ? [] : [[pointer, line] as const]
    }),
  )
}

/** From the place itself outwards: `#/a/0`, `#/a`, `#`. */
function withParents(pointer: string): string[] {
  const steps = pointer.split('/')
  return steps.map((_, removed) => steps.slice(0, steps.length - removed).join('/'))
}
