/** What is handed over: a file or stdin, as what its name or an option says. */
import { constants } from 'node:buffer'
import { createReadStream, openAsBlob } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { MappingSource } from '../client/index.ts'
import { gunzip, TooManyFrames, unzstd } from '../lib/decompress.ts'
import { UnusableFile } from './unusable.ts'

export const FORMATS = ['json', 'ndjson', 'csv'] as const
export type Format = (typeof FORMATS)[number]
export type Encoding = 'gzip' | 'zstd'

/** How a file is to be read. */
export interface Input {
  /** `-` is stdin. */
  readonly file: string
  readonly format: Format
  /** Null where it is not compressed. */
  readonly encoding: Encoding | null
}

const ENCODINGS: Readonly<Record<string, Encoding>> = { gz: 'gzip', zst: 'zstd' }
const EXTENSIONS: Readonly<Record<string, Format>> = {
  json: 'json',
  ndjson: 'ndjson',
  jsonl: 'ndjson',
  csv: 'csv',
}

/**
 * What a file is by its name: `contacts.csv.gz` is CSV, compressed by gzip. A name that says nothing
 * is taken for JSON.
 *
 * @param said what the user says it is, name or no name
 */
export function inputOf(file: string, said: Format | undefined): Input {
  const extensions = basename(file).toLowerCase().split('.').slice(1)
  const encoding = ENCODINGS[extensions.at(-1) ?? ''] ?? null
  if (encoding !== null) extensions.pop()
  return { file, format: said ?? EXTENSIONS[extensions.at(-1) ?? ''] ?? 'json', encoding }
}

/** What messages call it. */
export function nameOf(file: string): string {
  return file === '-' ? 'The standard input' : file
}

/** No text can be longer. */
const TEXT_MAX = constants.MAX_STRING_LENGTH

/**
 * All of it, as text.
 *
 * @throws UnusableFile
 */
export async function readText({ file, encoding }: Input): Promise<string> {
  const bytes = await buffer(file === '-' ? process.stdin : createReadStream(file)).catch(
    (error: unknown) => {
      throw unreadable(file, error)
    },
  )
  const plain = encoding === null ? bytes : decompressed(bytes, file, encoding)
  if (plain.length > TEXT_MAX) throw tooLarge(file)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(plain)
  } catch {
    throw new UnusableFile(
      `${nameOf(file)} is not in UTF-8. Save it in UTF-8, and submit it again.`,
    )
  }
}

/** Bytes to hand over as they are, and how many, where that is known. */
export interface Opened {
  readonly source: MappingSource
  readonly size: number | null
  /** Lets go of it: what nobody reads any more must not keep the process waiting. */
  close(): void
}

/**
 * It as a stream. A file can be read again, where no answer comes; what comes through a pipe cannot.
 *
 * @throws UnusableFile
 */
export async function openBytes(file: string): Promise<Opened> {
  if (file === '-') return piped(process.stdin)
  try {
    const stats = await stat(file)
    if (stats.isFile()) return { source: await openAsBlob(file), size: stats.size, close() {} }
    if (!stats.isDirectory()) return piped(createReadStream(file))
  } catch (error) {
    throw unreadable(file, error)
  }
  throw directory(file)
}

function piped(source: Readable): Opened {
  return { source, size: null, close: () => source.destroy() }
}

/** A tool that uses many processors makes a frame of each megabyte or so. */
const FRAMES_MAX = 10_000

const DECOMPRESS: Readonly<Record<Encoding, (bytes: Buffer) => Buffer>> = {
  gzip: (bytes) => gunzip(bytes, TEXT_MAX),
  zstd: (bytes) => unzstd(bytes, { size: TEXT_MAX, frames: FRAMES_MAX }),
}

function decompressed(bytes: Buffer, file: string, encoding: Encoding): Buffer {
  try {
    return DECOMPRESS[encoding](bytes)
  } catch (error) {
    if (error instanceof RangeError) throw tooLarge(file)
    if (error instanceof TooManyFrames) throw tooManyFrames(file)
    throw new UnusableFile(`${file} is not compressed by ${encoding}, as its name says.`)
  }
}

function tooLarge(file: string): UnusableFile {
  return new UnusableFile(
    `${nameOf(file)} is too large to be read as JSON. Make it NDJSON, one mapping a line, which may be of any size.`,
  )
}

function tooManyFrames(file: string): UnusableFile {
  return new UnusableFile(
    `${file} has more than ${FRAMES_MAX} frames of zstd. Compress all of it at once.`,
  )
}

function unreadable(file: string, error: unknown): UnusableFile {
  if (error instanceof Error && 'code' in error && error.code === 'EISDIR') return directory(file)
  return new UnusableFile(`Cannot read ${file}. Does it exist, and may you read it?`)
}

function directory(file: string): UnusableFile {
  return new UnusableFile(`${file} is a directory. Name a file, or - for the standard input.`)
}
