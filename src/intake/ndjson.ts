import { isAscii, isUtf8 } from 'node:buffer'
import { readJsonText } from '../lib/json/read.ts'
import type { Fault } from './explain.ts'
import { mayBringExpressions } from './expression.ts'
import { DEPTH_MAX } from './parse.ts'
import {
  type Found,
  faultsOfJson,
  INVALID_UTF8,
  LINE_BYTES_MAX,
  LINE_TOO_LONG,
  type Reader,
  unreadable,
} from './reader.ts'

const NEWLINE = 0x0a
const LIMITS = { depth: DEPTH_MAX }
const NONE: readonly Fault[] = []

/** Reads a mapping from each line (NDJSON, also called JSON Lines); blank lines are passed over. */
export class NdjsonReader implements Reader {
  readonly #tell: (found: Found) => void
  /** The number of the next line. */
  #line = 1
  /** What has come of it so far; nothing is kept of one that is too long. */
  #begun: Uint8Array[] = []
  #bytes = 0

  constructor(tell: (found: Found) => void) {
    this.#tell = tell
  }

  read(bytes: Uint8Array): void {
    const end = bytes.lastIndexOf(NEWLINE)
    if (end === -1) {
      this.#begin(bytes)
      return
    }
    const from = this.#bytes > LINE_BYTES_MAX ? this.#passOver(bytes) : 0
    if (from <= end) {
      this.#begun.push(bytes.subarray(from, end))
      this.#readLines(Buffer.concat(this.#begun))
    }
    this.#begun = []
    this.#bytes = 0
    this.#begin(bytes.subarray(end + 1))
  }

  end(): void {
    if (this.#bytes > LINE_BYTES_MAX) this.#tell(unreadable([LINE_TOO_LONG], this.#line))
    else if (this.#bytes > 0) this.#readLines(Buffer.concat(this.#begun))
  }

  #begin(bytes: Uint8Array): void {
    this.#bytes += bytes.length
    if (this.#bytes > LINE_BYTES_MAX) this.#begun = []
    else if (bytes.length > 0) this.#begun.push(bytes)
  }

  /** Leaves out the rest of a line that is too long; gives where the next one begins. */
  #passOver(bytes: Uint8Array): number {
    this.#tell(unreadable([LINE_TOO_LONG], this.#line))
    this.#line += 1
    return bytes.indexOf(NEWLINE) + 1
  }

  #readLines(bytes: Buffer): void {
    if (!isUtf8(bytes)) {
      this.#readEachLine(bytes)
      return
    }
    const text = isAscii(bytes) ? bytes.toString('latin1') : bytes.toString('utf8')
    let from = this.#line === 1 && text.startsWith('\uFEFF') ? 1 : 0
    for (let to = text.indexOf('\n'); to >= 0; to = text.indexOf('\n', from)) {
      this.#readLine(text.slice(from, to))
      from = to + 1
    }
    this.#readLine(text.slice(from))
  }

  /** Tells which of them are not UTF-8. */
  #readEachLine(bytes: Buffer): void {
    for (let from = 0; from <= bytes.length; ) {
      const next = bytes.indexOf(NEWLINE, from)
      const to = next === -1 ? bytes.length : next
      const line = bytes.subarray(from, to)
      if (isUtf8(line)) this.#readLines(line)
      else this.#tell(unreadable([INVALID_UTF8], this.#line++))
      from = to + 1
    }
  }

  #readLine(text: string): void {
    const line = this.#line
    this.#line += 1
    if (text.trim() !== '') this.#tell(foundIn(text, line))
  }
}

function foundIn(text: string, line: number): Found {
  if (isTooLong(text)) return unreadable([LINE_TOO_LONG], line)
  const read = readJsonText(text, LIMITS, line)
  if (!read.ok) return unreadable(faultsOfJson(read.problems), line)
  const mayCompute = mayBringExpressions(text)
  return { candidate: read.value, faults: NONE, line, weight: text.length, mayCompute }
}

/** It is counted only where it may be: a character takes three bytes at most. */
function isTooLong(text: string): boolean {
  return 3 * text.length > LINE_BYTES_MAX && Buffer.byteLength(text) > LINE_BYTES_MAX
}
