/**
 * Reads JSON strictly at nearly the cost of `JSON.parse`: what `JSON.parse` would silently drop,
 * round or mangle is refused.
 *
 * It looks at the text for the rare signs that something may be wrong, with native searches and one
 * quick walk. Only where there is one does the slow, exact `inspect` read every token, and say what
 * it is and where.
 */
import { isUtf8 } from 'node:buffer'
import type { Json } from '../../core/units.ts'
import { inspect, type JsonProblem } from './inspect.ts'

export type { JsonProblem, JsonProblemCode } from './inspect.ts'

export interface JsonLimits {
  /** How deep arrays and objects may lie in each other. Must be small: readers may recurse. */
  readonly depth: number
}

export type JsonRead =
  | { readonly ok: true; readonly value: Json; readonly text: string }
  | { readonly ok: false; readonly problems: readonly JsonProblem[] }

/** Reads UTF-8 bytes, with or without a byte order mark. At most 100 problems, at least one. */
export function readJson(bytes: Uint8Array, limits: JsonLimits): JsonRead {
  if (!isUtf8(bytes)) return { ok: false, problems: [INVALID_UTF8] }
  return readJsonText(decode(bytes), limits)
}

/**
 * Reads a text that has been decoded. At most 100 problems, at least one.
 *
 * @param firstLine the number of its first line, where it is part of something larger
 */
export function readJsonText(text: string, limits: JsonLimits, firstLine = 1): JsonRead {
  const parsed = isDeep(text, limits.depth) ? null : parse(text)
  if (parsed !== null && isPlain(text, parsed.value, limits.depth)) {
    return { ok: true, value: parsed.value, text }
  }
  const problems = inspect(text, limits.depth, firstLine)
  if (problems.length > 0) return { ok: false, problems }
  return parsed === null
    ? { ok: false, problems: [MALFORMED] }
    : { ok: true, value: parsed.value, text }
}

const INVALID_UTF8: JsonProblem = {
  code: 'invalid_utf8',
  pointer: '#',
  line: null,
  detail: 'The body must be encoded in UTF-8.',
}

const MALFORMED: JsonProblem = {
  code: 'malformed_json',
  pointer: '#',
  line: null,
  detail: 'Not valid JSON.',
}

const BYTE_ORDER_MARK = '\uFEFF'

function decode(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
  return text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text
}

/** Null where it is not JSON; `null` is JSON. */
function parse(text: string): { readonly value: Json } | null {
  try {
    return { value: JSON.parse(text) }
  } catch {
    return null
  }
}

/** `JSON.parse` takes 45 bytes and 0.2 µs for each level: for so many, and not for sixty million. */
const LEVELS_TRUSTED = 500_000

/** Whether so many levels lie in each other that `JSON.parse` must not see them. */
function isDeep(text: string, depthMax: number): boolean {
  if (text.length <= LEVELS_TRUSTED) return false
  if (count(text, '[') + count(text, '{') <= LEVELS_TRUSTED) return false
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === '"') at = endOfString(text, at)
    else if (character === '[' || character === '{') depth++
    else if (character === ']' || character === '}') depth--
    if (depth > depthMax) return true
  }
  return false
}

function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let backslashes = 0
    while (text[end - 1 - backslashes] === '\\') backslashes++
    if (backslashes % 2 === 0) return end
  }
  return text.length
}

/**
 * Escapes that may stand for a NUL, a colon (which would spoil the count) or half a character. What has
 * another backslash in front may be no escape, and so is no first half of anything.
 */
const SUSPECT_ESCAPE =
  /\\u(?:0000|003[aA]|[dD][89abAB]..(?!\\u[dD][c-fC-F])|(?<!(?<!\\)\\u[dD][89abAB]..\\u)[dD][c-fC-F])/

/**
 * Whether nothing can be wrong. A key that is there twice is parsed once, so it leaves the text with
 * more colons than there are keys, and colons in strings, in the value.
 */
function isPlain(text: string, value: Json, depthMax: number): boolean {
  if (text.includes('\\u') && SUSPECT_ESCAPE.test(text)) return false
  const keys = countKeys(value, depthMax)
  if (Number.isNaN(keys)) return false
  const colons = count(text, ':')
  return colons === keys || colons === keys + countColonsInStrings(value)
}

/** The number of keys at every level; NaN, which no sum gets rid of, where something is suspect. */
function countKeys(value: Json, depthLeft: number): number {
  if (typeof value === 'number') return Math.abs(value) <= Number.MAX_SAFE_INTEGER ? 0 : Number.NaN
  if (typeof value !== 'object' || value === null) return 0
  if (depthLeft === 0) return Number.NaN
  let keys = 0
  if (isArray(value)) {
    for (const item of value) keys += countKeys(item, depthLeft - 1)
    return keys
  }
  for (const key in value) {
    if (key === '__proto__' || key === 'prototype') return Number.NaN
    keys += 1 + countKeys(value[key] ?? null, depthLeft - 1)
  }
  return keys
}

function countColonsInStrings(value: Json): number {
  if (typeof value === 'string') return count(value, ':')
  if (typeof value !== 'object' || value === null) return 0
  let colons = 0
  if (isArray(value)) {
    for (const item of value) colons += countColonsInStrings(item)
    return colons
  }
  for (const key in value) colons += count(key, ':') + countColonsInStrings(value[key] ?? null)
  return colons
}

function count(text: string, character: string): number {
  let found = 0
  for (let at = text.indexOf(character); at >= 0; at = text.indexOf(character, at + 1)) found++
  return found
}

function isArray(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}
