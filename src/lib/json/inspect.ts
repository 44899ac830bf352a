import { printParseErrorCode, visit } from 'jsonc-parser'
import { type JsonPath, pointerTo } from './pointer.ts'

export type JsonProblemCode =
  | 'malformed_json'
  | 'invalid_utf8'
  | 'too_deep'
  | 'duplicate_key'
  | 'forbidden_key'
  | 'invalid_string'
  | 'unsafe_number'

/** Why a text is refused, and where. No part of the text is in it but the keys of its pointer. */
export interface JsonProblem {
  readonly code: JsonProblemCode
  readonly pointer: string
  /** Counted from 1; null where there are no lines to count. */
  readonly line: number | null
  readonly detail: string
}

/** More problems than this help nobody. */
export const PROBLEMS_MAX = 100

/** `visit` can only be left by throwing. */
class Enough extends Error {}

/**
 * Everything that is wrong with a JSON text, token by token: exact and, at a hundred megabytes a
 * second, slow. It stops at what makes the rest unreadable, and at the hundredth problem.
 *
 * @param firstLine the number of its first line
 */
export function inspect(text: string, depthMax: number, firstLine = 1): readonly JsonProblem[] {
  const problems: JsonProblem[] = []
  const keys: Set<string>[] = []
  let depth = 0

  function report(code: JsonProblemCode, path: JsonPath, line: number, detail: string): void {
    problems.push({ code, pointer: pointerTo(path), line: line + firstLine, detail })
    if (problems.length === PROBLEMS_MAX) throw new Enough()
  }

  function stop(code: JsonProblemCode, line: number, detail: string): never {
    problems.length = 0
    report(code, [], line, detail)
    throw new Enough()
  }

  function enter(line: number): void {
    depth++
    if (depth > depthMax) stop('too_deep', line, `Nest no deeper than ${depthMax} levels.`)
  }

  function checkString(value: string, path: JsonPath, line: number): void {
    const fault = faultOf(value)
    if (fault !== null) report('invalid_string', path, line, `Leave out the ${fault}.`)
  }

  try {
    visit(
      text,
      {
        onArrayBegin: (_offset, _length, line) => enter(line),
        onArrayEnd: () => {
          depth--
        },
        onObjectBegin: (_offset, _length, line) => {
          enter(line)
          keys.push(new Set())
        },
        onObjectEnd: () => {
          depth--
          keys.pop()
        },
        onObjectProperty: (key, _offset, _length, line, _column, pathOf) => {
          const path = pathOf()
          checkString(key, [...path, key], line)
          if (isForbidden(key, path.at(-1))) {
            report('forbidden_key', [...path, key], line, 'This key is not allowed anywhere.')
          }
          const seen = keys.at(-1)
          if (seen?.has(key)) report('duplicate_key', [...path, key], line, 'Give each key once.')
          seen?.add(key)
        },
        onLiteralValue: (value: unknown, offset, length, line, _column, pathOf) => {
          if (typeof value === 'string') checkString(value, pathOf(), line)
          if (typeof value === 'number' && !isExact(value, text.slice(offset, offset + length))) {
            const detail = 'A number must fit a 64-bit float exactly; send it as a string.'
            report('unsafe_number', pathOf(), line, detail)
          }
        },
        onError: (code, _offset, _length, line, column) => {
          const fault = inWords(printParseErrorCode(code))
          const place = `line ${line + firstLine}, column ${column + 1}`
          stop('malformed_json', line, `${fault}, at ${place}.`)
        },
      },
      { disallowComments: true },
    )
  } catch (reason) {
    if (!(reason instanceof Enough)) throw reason
  }
  return problems
}

/** Keys that reach the prototype of whatever they are copied into. */
function isForbidden(key: string, parent: string | number | undefined): boolean {
  return key === '__proto__' || (key === 'prototype' && parent === 'constructor')
}

function faultOf(value: string): string | null {
  if (value.includes('\0')) return 'NUL character'
  return value.isWellFormed() ? null : 'unpaired surrogate'
}

/** Whether a double holds what was written; fractions and exponents are approximate by nature. */
function isExact(value: number, source: string): boolean {
  if (!Number.isFinite(value)) return false
  if (Number.isSafeInteger(value) || !/^-?\d+$/.test(source)) return true
  return BigInt(source) === BigInt(value)
}

/** `CommaExpected` as a person would say it. */
function inWords(name: string): string {
  return `Not valid JSON:${name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)}`
}
