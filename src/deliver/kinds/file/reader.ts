import { constants } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import type { Json } from '../../../core/units.ts'
import type { FileConfig } from './config.ts'
import { openConfined } from './confined.ts'
import { ChangedMeanwhile, indexOf, keyOf, type Place, type RecordIndex } from './index-of.ts'

interface Indexed {
  /** Which contents of which file they are, as the file system tells. */
  readonly version: string
  readonly index: Promise<RecordIndex>
}

/** Reads single records of a file by their key. The file is indexed once, and again when it changes. */
export class Reader {
  readonly #directory: string
  readonly #read: NonNullable<FileConfig['read']>
  readonly #closed = new AbortController()
  #indexed: Indexed | null = null

  constructor(directory: string, read: NonNullable<FileConfig['read']>) {
    this.#directory = directory
    this.#read = read
  }

  /** Wrapped, because null is a record; null where there is none. */
  async read(id: string): Promise<{ readonly record: Json } | null> {
    const { O_RDONLY, O_NONBLOCK } = constants
    const file = await openConfined(this.#directory, this.#read.path, O_RDONLY | O_NONBLOCK)
    try {
      const { places, parse } = await this.#indexOf(file)
      const place = places.get(id)
      if (place === undefined) return null
      const record = parse(await textAt(file, place))
      if (keyOf(record, this.#read.key) !== id) throw new ChangedMeanwhile()
      return { record }
    } finally {
      await file.close()
    }
  }

  /** Gives up what is being indexed. */
  close(): void {
    this.#closed.abort()
  }

  /** Whoever comes first indexes for all; an index that failed is tried again by the next. */
  async #indexOf(file: FileHandle): Promise<RecordIndex> {
    const { ino, size, mtimeNs } = await file.stat({ bigint: true })
    const version = `${ino} ${size} ${mtimeNs}`
    if (this.#indexed?.version === version) return this.#indexed.index
    const { format, key } = this.#read
    const index = indexOf(file, format, key, this.#closed.signal)
    const indexed = { version, index }
    this.#indexed = indexed
    try {
      return await index
    } catch (error) {
      if (this.#indexed === indexed) this.#indexed = null
      throw error
    }
  }
}

async function textAt(file: FileHandle, { start, length }: Place): Promise<string> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, start)
  if (bytesRead < length) throw new ChangedMeanwhile()
  return buffer.toString()
}
