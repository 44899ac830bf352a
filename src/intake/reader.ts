import { grouped } from '../core/quantity.ts'
import { pathOf } from '../lib/json/pointer.ts'
import type { JsonProblem } from '../lib/json/read.ts'
import type { Fault } from './explain.ts'

/** How much text one mapping may be that comes in a stream. */
export const LINE_BYTES_MAX = 1_000_000

/** What stands in the place of a mapping in a body. */
export interface Found {
  /** What may be one, or as much of it as could be read; null where that is nothing. */
  readonly candidate: unknown
  /** What is wrong with it already. */
  readonly faults: readonly Fault[]
  readonly line: number
  /** About how much text it is. */
  readonly weight: number
  /** Whether it may hold an expression. */
  readonly mayCompute: boolean
}

/** Something that cannot be read, and is no reason not to read on. */
export function unreadable(faults: readonly Fault[], line: number): Found {
  return { candidate: null, faults, line, weight: 0, mayCompute: false }
}

/** Finds mappings in the bytes of a body, however they are cut, and tells of each in order. */
export interface Reader {
  /** @throws Unreadable */
  read(bytes: Uint8Array): void | Promise<void>
  /** @throws Unreadable */
  end(): void | Promise<void>
}

/** From here on nothing can be read. */
export class Unreadable extends Error {
  override readonly name = 'Unreadable'
  readonly fault: Fault
  /** Undefined where there is no line to name. */
  readonly line: number | undefined

  constructor(fault: Fault, line?: number) {
    super(fault.detail)
    this.fault = fault
    this.line = line
  }
}

export const LINE_TOO_LONG: Fault = {
  code: 'line_too_long',
  path: [],
  detail: `One mapping may take up at most ${grouped(LINE_BYTES_MAX)} bytes in a stream; hand in a larger one as JSON.`,
}

export const INVALID_UTF8: Fault = {
  code: 'invalid_utf8',
  path: [],
  detail: 'The body must be encoded in UTF-8.',
}

/** What makes a text no good as JSON, as faults of what it stands for. */
export function faultsOfJson(problems: readonly JsonProblem[]): readonly Fault[] {
  return problems.map(({ code, pointer, detail }) => ({ code, path: pathOf(pointer), detail }))
}
