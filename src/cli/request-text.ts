import type { Terms } from './terms.ts'

/**
 * A request made of a JSON text that is one, or only a list of mappings. It stays text, because reading
 * JSON and writing it again would round its large numbers and drop its doubled keys, which Sluice
 * refuses. Null where it is neither.
 *
 * @param terms go in place of what the text says
 */
export async function requestText(text: string, terms: Terms): Promise<string | null> {
  const start = text.trimStart().at(0)
  const fields = fieldsOf(terms)
  if (start === '[') return `{${fields.map(fieldText).join('')}"mappings":${text}}`
  if (start !== '{') return null
  return fields.length === 0 ? text : withFields(text, fields, await placesIn(text))
}

type Notes = Readonly<Record<string, string>>
type Field = readonly [name: string, value: string | number | Notes]

function fieldsOf(terms: Terms): readonly Field[] {
  const fields: readonly (readonly [string, Field[1] | undefined])[] = [
    ['priority', terms.priority],
    ['batch_size', terms.batchSize],
    ['metadata', terms.metadata],
    ['not_before', terms.notBefore],
    ['expires_in', terms.expiresIn],
    ['callback_url', terms.callbackUrl],
    ['retry_of', terms.retryOf],
  ]
  return fields.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]))
}

function fieldText([name, value]: Field): string {
  return `${JSON.stringify(name)}:${JSON.stringify(value)},`
}

/** From where to where in the text a value is. */
interface Place {
  readonly from: number
  readonly to: number
}

/** Fields that are there get their new values, from the last to the first; the others come in front. */
function withFields(
  text: string,
  fields: readonly Field[],
  places: ReadonlyMap<string, Place>,
): string {
  const placeOf = ([name]: Field) => places.get(name)?.from ?? -1
  let body = text
  for (const field of fields.toSorted((one, other) => placeOf(other) - placeOf(one))) {
    const [name, value] = field
    const place = places.get(name)
    if (place === undefined) continue
    const old = text.slice(place.from, place.to)
    body = body.slice(0, place.from) + changed(old, value) + body.slice(place.to)
  }
  const added = fields.filter(([name]) => !places.has(name)).map(fieldText)
  const front = places.size === 0 ? added.join('').slice(0, -1) : added.join('')
  // Not as a text, in which a dollar sign would mean something.
  return body.replace('{', () => `{${front}`)
}

/** Notes are added to those that are there; anything else takes the place of what was. */
function changed(old: string, value: Field[1]): string {
  return JSON.stringify(typeof value === 'object' ? { ...objectIn(old), ...value } : value)
}

/** Null where it is none, which Sluice will say more about. */
function objectIn(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' ? value : null
  } catch {
    return null
  }
}

/**
 * Where the values of the outermost object are. It is walked through once, because it may be large: a
 * tree of it would take fifty times its size.
 */
async function placesIn(text: string): Promise<ReadonlyMap<string, Place>> {
  const { visit } = await import('jsonc-parser')
  const places = new Map<string, Place>()
  let depth = 0
  let name = ''
  let from = 0
  const begin = (offset: number) => {
    if (depth === 1) from = offset
    depth += 1
    return depth === 1
  }
  const end = (offset: number, length: number) => {
    depth -= 1
    if (depth === 1) places.set(name, { from, to: offset + length })
  }
  visit(text, {
    onObjectProperty(property) {
      name = property
    },
    onObjectBegin: begin,
    onArrayBegin: begin,
    onObjectEnd: end,
    onArrayEnd: end,
    onLiteralValue(_, offset, length) {
      places.set(name, { from: offset, to: offset + length })
    },
  })
  return places
}
