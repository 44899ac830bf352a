import type { CallOptions, MappingSource, StreamOptions } from '../client/index.ts'
import { type Input, nameOf, openBytes, readText } from './input.ts'
import { interruptible } from './interrupt.ts'
import { requestText } from './request-text.ts'
import type { Terms } from './terms.ts'
import { UnusableFile } from './unusable.ts'
import { uploadOn } from './upload.ts'

/** What becomes of what is handed over: it is taken, or only checked. */
export interface Taker<Answer> {
  request(text: string, options: CallOptions): Promise<Answer>
  stream(source: MappingSource, options: StreamOptions): Promise<Answer>
}

/**
 * Hands an input over: JSON whole, all else as a stream, and shows how far it is. Null where Ctrl-C
 * ended it: what did not arrive whole is not taken.
 *
 * @throws UnusableFile; and what the taker throws
 */
export async function handOver<Answer>(
  input: Input,
  terms: Terms,
  taker: Taker<Answer>,
): Promise<Answer | null> {
  return input.format === 'json' ? whole(input, terms, taker) : streamed(input, terms, taker)
}

async function whole<Answer>(
  input: Input,
  terms: Terms,
  taker: Taker<Answer>,
): Promise<Answer | null> {
  const text = await requestText(await readText(input), terms)
  if (text === null) {
    throw new UnusableFile(
      `${nameOf(input.file)} holds neither a request nor a list of mappings: it must be JSON that begins ` +
        'with { or [. For other forms, say --format ndjson or csv.',
    )
  }
  return interruptible((signal) => taker.request(text, { signal }))
}

async function streamed<Answer>(
  { file, format, encoding }: Input,
  terms: Terms,
  taker: Taker<Answer>,
): Promise<Answer | null> {
  const { source, size, close } = await openBytes(file)
  const display = await uploadOn(process.stderr, size)
  const options: StreamOptions = {
    ...terms,
    format: format === 'csv' ? 'csv' : 'ndjson',
    encoding: encoding ?? undefined,
    onProgress: display.show,
  }
  const sending = interruptible((signal) => taker.stream(source, { ...options, signal }))
  return sending.catch(asUnreadable(file)).finally(() => {
    display.end()
    close()
  })
}

/** What the file is to blame for is said of the file. */
function asUnreadable(file: string): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof Error) || !isOfFile(error)) throw error
    throw new UnusableFile(
      `${nameOf(file)} changed, or could no longer be read, while it was sent: nothing of it is taken. ` +
        'Submit it again when it is complete.',
    )
  }
}

/** A Blob says so in one way, and a stream in another. */
function isOfFile(error: Error): boolean {
  return error.name === 'NotReadableError' || 'syscall' in error
}
