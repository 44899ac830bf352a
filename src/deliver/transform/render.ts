/** Computes one transformation. It runs in the transformer process, and nowhere else. */
import jsonata from 'jsonata'
import { grouped } from '../../core/quantity.ts'
import type { Json, JsonObject } from '../../core/units.ts'
import { expressionIn } from '../../lib/expression.ts'
import { type JsonPath, pointerTo } from '../../lib/json/pointer.ts'
import { inWords } from '../../lib/jsonata.ts'
import type { Answer, Job } from './job.ts'
import { Unread, withoutRecord } from './unread.ts'

/** Nothing that expressions compute may lie deeper than this. */
const DEPTH_MAX = 32

/** How many characters of JSON the expressions of one transformation may compute, all together. */
const COMPUTED_CHARACTERS_MAX = 1_000_000

/** The payload of one mapping, or the first of its expressions that gives none, and why. */
export async function render({ transformation, input }: Job): Promise<Answer> {
  const { isUnread, ...seen } = input
  const unread: string[] = []
  const work = {
    input: isUnread ? withoutRecord(seen) : seen,
    unread,
    room: COMPUTED_CHARACTERS_MAX,
  }
  try {
    const payload = await renderObject(transformation, [], work)
    return { kind: 'payload', payload, ...(isUnread && { unread }) }
  } catch (thrown) {
    if (!(thrown instanceof Unusable)) throw thrown
    return { kind: 'failed', message: thrown.message }
  }
}

/** Why an expression gives nothing that can be sent. */
class Unusable extends Error {
  constructor(path: JsonPath, reason: string) {
    super(`The expression at ${pointerTo(path)} failed: ${reason}.`)
  }
}

/** What one transformation is computed with. */
interface Work {
  readonly input: object
  /** JSON pointers to what could not be computed without the record. */
  readonly unread: string[]
  /** How many more characters may be computed. */
  room: number
}

async function renderObject(object: JsonObject, path: JsonPath, work: Work): Promise<JsonObject> {
  const entries: [string, Json][] = []
  for (const [key, inner] of Object.entries(object)) {
    const value = await renderValue(inner, [...path, key], work)
    if (value !== undefined) entries.push([key, value])
  }
  return Object.fromEntries(entries)
}

/** Undefined where an expression finds nothing. */
async function renderValue(value: Json, path: JsonPath, work: Work): Promise<Json | undefined> {
  if (typeof value === 'string') {
    const source = expressionIn(value)
    return source === null ? value : renderText(value, source, path, work)
  }
  if (typeof value !== 'object' || value === null) return value
  if (!isList(value)) return renderObject(value, path, work)
  const items: Json[] = []
  for (const [index, inner] of value.entries()) {
    const item = await renderValue(inner, [...path, index], work)
    if (item !== undefined) items.push(item)
  }
  return items
}

function isList(value: readonly Json[] | JsonObject): value is readonly Json[] {
  return Array.isArray(value)
}

/** What a text computes that is an expression; the text itself where that takes a record not read. */
async function renderText(text: string, source: string, path: JsonPath, work: Work) {
  try {
    return await compute(source, path, work)
  } catch (thrown) {
    if (!(thrown instanceof Unread)) throw thrown
    work.unread.push(pointerTo(path))
    return text
  }
}

async function compute(source: string, path: JsonPath, work: Work): Promise<Json | undefined> {
  let computed: unknown
  try {
    computed = await compiled(source).evaluate(work.input, HIDDEN)
  } catch (thrown) {
    if (thrown instanceof Unread) throw thrown
    throw new Unusable(path, inWords(thrown))
  }
  return computed === undefined ? undefined : plain(computed, DEPTH_MAX)

  /** A copy with nothing in it but what JSON can carry; a value that is shared is copied each time. */
  function plain(value: unknown, depthLeft: number): Json {
    spend(1)
    if (value === null || typeof value === 'boolean') return value
    if (typeof value === 'string') {
      spend(value.length)
      return value
    }
    if (typeof value === 'number') {
      if (!Number.isFinite(value)) throw new Unusable(path, 'its number is not finite')
      return value
    }
    if (typeof value !== 'object' || isFunction(value)) {
      throw new Unusable(path, 'it gives a function')
    }
    if (depthLeft === 0) throw new Unusable(path, `it nests deeper than ${DEPTH_MAX} levels`)
    if (Array.isArray(value)) return value.map((item) => plain(item ?? null, depthLeft - 1))
    const entries = Object.entries(value).filter(([, inner]) => inner !== undefined)
    return Object.fromEntries(
      entries.map(([key, inner]) => {
        spend(key.length)
        return [key, plain(inner, depthLeft - 1)]
      }),
    )
  }

  function spend(characters: number): void {
    work.room -= characters
    if (work.room < 0) {
      const most = grouped(COMPUTED_CHARACTERS_MAX)
      throw new Unusable(path, `more than ${most} characters are computed`)
    }
  }
}

/** JSONata's own functions and those of the expression, as JSONata represents them. */
function isFunction(value: object): boolean {
  return '_jsonata_function' in value || '_jsonata_lambda' in value
}

/** What a record says must never be run: `$eval` is not there. */
const HIDDEN = { eval: undefined }

const COMPILED_MAX = 1000

/** By their source, the one used last at the end. */
const cache = new Map<string, jsonata.Expression>()

function compiled(source: string): jsonata.Expression {
  const expression = cache.get(source) ?? jsonata(source)
  cache.delete(source)
  cache.set(source, expression)
  const [oldest] = cache.keys()
  if (cache.size > COMPILED_MAX && oldest !== undefined) cache.delete(oldest)
  return expression
}
