import { constants } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { openConfined } from './confined.ts'

interface Waiting {
  readonly lines: string
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

const NEWLINE = '\n'

/**
 * The one writer of a file: appends whole lines, and says so when they are on disk. Whatever comes
 * while it writes goes out together with the next write, behind one fsync.
 */
export class Appender {
  readonly #directory: string
  readonly #path: string
  readonly #header: string
  #waiting: Waiting[] = []
  #writing: Promise<void> | null = null

  /** @param header is written into a file that is empty; may be empty itself */
  constructor(directory: string, path: string, header: string) {
    this.#directory = directory
    this.#path = path
    this.#header = header
  }

  /** Resolves when the lines, each with its newline, are on disk; rejects where none of them is. */
  append(lines: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#waiting.push({ lines, resolve, reject })
    this.#writing ??= this.#writeAll()
    return promise
  }

  /** Resolves when nothing is being written. */
  async idle(): Promise<void> {
    await this.#writing
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#waiting
      this.#waiting = []
      try {
        await this.#write(group.map(({ lines }) => lines).join(''))
        for (const { resolve } of group) resolve()
      } catch (error) {
        for (const { reject } of group) reject(error)
      }
    }
    this.#writing = null
  }

  /** Opens the file each time, so that one that was moved away or deleted is begun anew. */
  async #write(lines: string): Promise<void> {
    const { O_RDWR, O_APPEND, O_CREAT } = constants
    const file = await openConfined(this.#directory, this.#path, O_RDWR | O_APPEND | O_CREAT)
    try {
      const { size } = await file.stat()
      const start = size === 0 ? this.#header : await endOfLine(file, size)
      await this.#appendWhole(file, start + lines, size)
    } finally {
      await file.close()
    }
  }

  /** A disk that is full takes a part; that part is taken back, so that no line is ever half there. */
  async #appendWhole(file: FileHandle, text: string, size: number): Promise<void> {
    try {
      await file.appendFile(text)
      await file.datasync()
    } catch (error) {
      await file.truncate(size).catch(() => {})
      throw error
    }
  }
}

/** What ends the last line: a power cut may have left half of one. */
async function endOfLine(file: FileHandle, size: number): Promise<string> {
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1)
  return buffer.toString() === NEWLINE ? '' : NEWLINE
}
