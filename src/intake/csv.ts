import { CsvError, Parser } from 'csv-parse'
import { restore } from '../core/formula.ts'
import { Columns } from './csv-columns.ts'
import type { Fault } from './explain.ts'
import { mayBringExpressions } from './expression.ts'
import {
  type Found,
  INVALID_UTF8,
  LINE_BYTES_MAX,
  LINE_TOO_LONG,
  type Reader,
  Unreadable,
} from './reader.ts'
import { Utf8Watch } from './utf8.ts'

/** The parser counts what is in cells, not how many there are: a row must end within so many bytes of them. */
const ROW_BYTES_MAX = 4 * LINE_BYTES_MAX

/**
 * Reads a mapping from each row (RFC 4180); the first one names the columns, and blank lines are passed
 * over. What is wrong within a row is told of that row. A quote that is out of place spoils all the rest.
 */
export class CsvReader implements Reader {
  readonly #tell: (found: Found) => void
  readonly #utf8 = new Utf8Watch()
  readonly #parser: Parser
  #columns: Columns | null = null
  /** Where the row that is being read begins, but for blank lines. */
  #nextLine = 1
  /** About how many bytes of it have come. */
  #begun = 0

  constructor(tell: (found: Found) => void) {
    this.#tell = tell
    this.#parser = new Parser({
      bom: true,
      // Each is the end of a row wherever it is: files are put together from others.
      record_delimiter: ['\r\n', '\n', '\r'],
      skip_empty_lines: true,
      // Rows of another length are told of one by one.
      relax_column_count: true,
      max_record_size: LINE_BYTES_MAX,
      on_record: (row: string[], { lines }: { readonly lines: number }) => this.#take(row, lines),
    })
    // Whoever writes is told.
    this.#parser.on('error', () => {})
  }

  async read(bytes: Uint8Array): Promise<void> {
    if (!this.#utf8.isFine(bytes)) throw new Unreadable(INVALID_UTF8)
    const ended = this.#ended
    await this.#parse((done) => this.#parser.write(bytes, done))
    this.#begun = ended === this.#ended ? this.#begun + bytes.length : 0
    if (this.#begun > ROW_BYTES_MAX) throw new Unreadable(ROW_TOO_LONG, this.#nextLine)
  }

  async end(): Promise<void> {
    if (!this.#utf8.isWhole) throw new Unreadable(INVALID_UTF8)
    await this.#parse((done) => this.#parser.end(done))
    if (this.#columns === null) this.#columns = new Columns([], 1)
  }

  /** How many rows and blank lines have come to their end. */
  get #ended(): number {
    const { records, empty_lines } = this.#parser.info
    return records + empty_lines
  }

  #parse(write: (done: (error?: Error | null) => void) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      write((error) => (error ? reject(inOurWords(error, this.#nextLine)) : resolve()))
    })
  }

  /** Null, because the parser has no more to do with it. */
  #take(row: string[], lines: number): null {
    const line = lines - linesWithin(row)
    this.#nextLine = lines + 1
    if (this.#columns === null) {
      this.#columns = new Columns(row.map(restore), line)
      return null
    }
    const weight = row.reduce((sum, cell) => sum + cell.length, 0)
    const mayCompute = row.some(mayBringExpressions)
    this.#tell({ ...this.#columns.read(row, line), line, weight, mayCompute })
    return null
  }
}

/** How many lines a row goes on for beyond its first. */
function linesWithin(row: readonly string[]): number {
  let lines = 0
  for (const cell of row) {
    if (cell.includes('\n') || cell.includes('\r')) lines += cell.split(/\r\n|\n|\r/).length - 1
  }
  return lines
}

/** @param line where the row begins */
function inOurWords(error: Error, line: number): Error {
  if (!(error instanceof CsvError)) return error
  switch (error.code) {
    case 'CSV_MAX_RECORD_SIZE':
      return new Unreadable(ROW_TOO_LONG, line)
    case 'CSV_QUOTE_NOT_CLOSED':
      return new Unreadable(malformed('A quote is opened in this row and never closed.'), line)
    default:
      return new Unreadable(malformed(QUOTES), Number(error['lines']))
  }
}

function malformed(detail: string): Fault {
  return { code: 'malformed_csv', path: [], detail }
}

const QUOTES = 'A cell with quotes must be in quotes as a whole, each quote within it twice.'

const ROW_TOO_LONG: Fault = {
  ...LINE_TOO_LONG,
  detail: `${LINE_TOO_LONG.detail} Or is a quote in this row never closed?`,
}
