import { open, realpath, rename, rm, stat } from 'node:fs/promises'
import { chunksOf } from '../client/chunks.ts'
import { UnusableFile } from './unusable.ts'

/**
 * Writes a stream to a file that is there whole or not at all: it gets its name once all of it is on
 * disk. A file of that name is replaced then, and not before.
 *
 * @throws UnusableFile; and what the stream throws
 */
export async function writeWhole(name: string, stream: ReadableStream<Uint8Array>): Promise<void> {
  const file = await realpath(name).catch(() => name)
  const found = await stat(file).catch(() => null)
  if (found?.isFile() === false) {
    throw new UnusableFile(`${name} is not a file. Name one, or leave out --out and redirect.`)
  }
  const part = `${file}.${process.pid}.part`
  try {
    await writePart(part, stream)
    await rename(part, file)
  } catch (error) {
    await rm(part, { force: true })
    if (!isOfSystem(error)) throw error
    throw new UnusableFile(
      `Cannot write ${name} (${error.code}). Is its folder there, may you write to it, and has it room?`,
    )
  }
}

async function writePart(part: string, stream: ReadableStream<Uint8Array>): Promise<void> {
  const handle = await open(part, 'w')
  try {
    await handle.writeFile(chunksOf(stream))
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function isOfSystem(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error
}
