import type { FileHandle } from 'node:fs/promises'
import { type Info, parse } from 'csv-parse'
import { parse as parseWhole } from 'csv-parse/sync'
import type { Json } from '../../../core/units.ts'
import { RECORD_BYTES_MAX } from '../endings.ts'
import type { Format } from './config.ts'

/** Where the records of a file are, by their keys. A key that is there twice means the last one. */
export interface RecordIndex {
  readonly places: ReadonlyMap<string, Place>
  /** Reads the bytes of one place. */
  parse(text: string): Json
}

/** A range of bytes. */
export interface Place {
  readonly start: number
  readonly length: number
}

/** The file has more records than an index holds. */
export class TooManyRecords extends Error {
  readonly max: number = RECORDS_MAX
}

/** The file is no longer what was indexed. */
export class ChangedMeanwhile extends Error {}

/** Bounds what an index takes: some 150 bytes for each. */
const RECORDS_MAX = 1_000_000

/** No mapping has a longer id. */
const KEY_LENGTH_MAX = 256

/**
 * Reads a file through, in bounded memory, and notes where each record is. A record without the key,
 * or over 1 MB, is left out, and so is a line that is not JSON.
 *
 * @param signal gives it up
 */
export async function indexOf(
  file: FileHandle,
  format: Format,
  key: string,
  signal: AbortSignal,
): Promise<RecordIndex> {
  const places = new Map<string, Place>()
  const note = (record: unknown, start: number, end: number): void => {
    const value = keyOf(record, key)
    if (value === null || end - start > RECORD_BYTES_MAX) return
    places.set(value, { start, length: end - start })
    if (places.size > RECORDS_MAX) throw new TooManyRecords()
  }
  if (format === 'ndjson') {
    await eachLine(file, signal, (line, start, end) => note(parseLine(line), start, end))
    return { places, parse: parseRecord }
  }
  const columns = await eachRow(file, signal, note)
  return { places, parse: (text) => parseRow(text, columns) }
}

/** The value by which a record is known; null where it has none. */
export function keyOf(record: unknown, key: string): string | null {
  if (typeof record !== 'object' || record === null || !Object.hasOwn(record, key)) return null
  const value: unknown = Object.entries(record).find(([field]) => field === key)?.[1]
  if (typeof value !== 'string' && typeof value !== 'number') return null
  const text = String(value)
  return text.length <= KEY_LENGTH_MAX ? text : null
}

const NEWLINE = 0x0a

async function eachLine(
  file: FileHandle,
  signal: AbortSignal,
  hear: (line: Buffer, start: number, end: number) => void,
): Promise<void> {
  let pieces: Buffer[] = []
  let start = 0
  let length = 0

  function endLine(): void {
    if (length <= RECORD_BYTES_MAX) hear(Buffer.concat(pieces), start, start + length)
    pieces = []
    start += length + 1
    length = 0
  }

  function take(piece: Buffer): void {
    length += piece.length
    // Nobody will ask for the text of a line that is too long.
    if (length <= RECORD_BYTES_MAX) pieces.push(piece)
    else pieces = []
  }

  const chunks: AsyncIterable<Buffer> = file.createReadStream({
    start: 0,
    autoClose: false,
    signal,
  })
  for await (const chunk of chunks) {
    let from = 0
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      take(chunk.subarray(from, at))
      endLine()
      from = at + 1
    }
    take(chunk.subarray(from))
  }
  if (length > 0) endLine()
}

/** The first of a file may begin with a byte order mark. */
function parseRecord(text: string): Json {
  return JSON.parse(text.replace(/^\uFEFF/, ''))
}

function parseLine(line: Buffer): unknown {
  try {
    return parseRecord(line.toString())
  } catch {
    return null
  }
}

const CSV = {
  record_delimiter: ['\r\n', '\n'],
  relax_column_count: true,
  skip_empty_lines: true,
  bom: true,
}

/** The place of the first row begins with the header. */
function parseRow(text: string, columns: string[]): Json {
  const rows: Readonly<Record<string, string>>[] = parseWhole(text, { ...CSV, columns })
  return rows.at(-1) ?? null
}

/** What the parser gives where it is asked for `info` as well. */
interface Row {
  readonly record: Readonly<Record<string, string>>
  readonly info: Info
}

/** Gives the columns that the header names. */
async function eachRow(
  file: FileHandle,
  signal: AbortSignal,
  hear: (record: unknown, start: number, end: number) => void,
): Promise<string[]> {
  let columns: string[] = []
  let start = 0
  const source = file.createReadStream({ start: 0, autoClose: false, signal })
  const parser = parse({
    ...CSV,
    ...{ info: true, max_record_size: RECORD_BYTES_MAX },
    columns: (header: string[]) => {
      columns = header
      return header
    },
  })
  source.on('error', (error) => parser.destroy(error))
  const rows: AsyncIterable<Row> = source.pipe(parser)
  for await (const { record, info } of rows) {
    hear(record, start, info.bytes)
    start = info.bytes
  }
  return columns
}
