import { chunksOf } from './chunks.ts'
import type { Deadline } from './deadline.ts'
import type { Mapping } from './wire.ts'

/**
 * What can be handed over without ever being in memory whole: mappings, or the bytes of a file of
 * them. What Node reads a file with (`createReadStream`) is such bytes, and a browser's `File` a Blob.
 */
export type MappingSource =
  | Iterable<Mapping>
  | AsyncIterable<Mapping>
  | AsyncIterable<Uint8Array>
  | ReadableStream<Uint8Array>
  | Blob

/**
 * Browsers send a stream over HTTP/2 only, and some not at all. There the body is gathered first, in a
 * Blob, which they may keep on disk; how far they are with sending it they do not tell. By the standard,
 * every browser says that it is Mozilla.
 */
const GATHERS = globalThis.navigator?.userAgent?.startsWith('Mozilla/') ?? false

/** The body of one call: read from its source no faster than it is sent. */
export class Upload {
  readonly #source: MappingSource
  readonly #chunks: AsyncGenerator<Uint8Array>
  readonly #onProgress: (bytes: number) => void
  #bytes = 0
  /** What went wrong with the source, or with whoever is told of the progress. */
  #failure: { readonly reason: unknown } | null = null

  constructor(source: MappingSource, onProgress: (bytes: number) => void = () => {}) {
    this.#source = source
    this.#chunks = bytesOf(source)
    this.#onProgress = onProgress
  }

  /** What `fetch` sends. The deadline runs only while it can be told that it is Sluice that is waited for. */
  body(deadline: Deadline, gzip: boolean): ReadableStream<Uint8Array> | Promise<Blob> {
    return GATHERS ? this.#gathered(deadline, gzip) : this.#stream(deadline, gzip)
  }

  /** Lets go of the source, be it read to its end or not; one that still thinks may do so at leisure. */
  close(): void {
    this.#chunks.return(undefined).catch(() => {})
  }

  /** @throws what went wrong here, in place of what the call made of it */
  throwOwn(): void {
    if (this.#failure !== null) throw this.#failure.reason
  }

  async #gathered(deadline: Deadline, gzip: boolean): Promise<Blob> {
    const source = this.#source
    const isWhole = source instanceof Blob && !gzip
    const blob = isWhole ? source : await new Response(this.#stream(deadline, gzip)).blob()
    if (isWhole) await this.#own(() => this.#take(source.size))
    deadline.end()
    return blob
  }

  #stream(deadline: Deadline, gzip: boolean): ReadableStream<Uint8Array> {
    const pull = async (controller: ReadableStreamDefaultController<Uint8Array>) => {
      deadline.stop()
      const chunk = await this.#next()
      deadline.start()
      if (chunk === null) controller.close()
      else controller.enqueue(chunk)
    }
    const plain = new ReadableStream({ pull }, { highWaterMark: 0 })
    return gzip ? plain.pipeThrough(compressor()) : plain
  }

  #next(): Promise<Uint8Array | null> {
    return this.#own(async () => {
      const { done, value } = await this.#chunks.next()
      if (done) return null
      this.#take(value.byteLength)
      return value
    })
  }

  #take(bytes: number): void {
    this.#bytes += bytes
    this.#onProgress(this.#bytes)
  }

  /** Does what may fail by the fault of the source, or of whoever is told of the progress. */
  async #own<Value>(step: () => Value | Promise<Value>): Promise<Value> {
    try {
      return await step()
    } catch (reason) {
      this.#failure = { reason }
      throw reason
    }
  }
}

/** What is between bytes is said in one way by the types of browsers, and in another by those of Node. */
function compressor(): TransformStream<Uint8Array, Uint8Array<ArrayBuffer>> {
  return new CompressionStream('gzip') as TransformStream<Uint8Array, Uint8Array<ArrayBuffer>>
}

async function* bytesOf(source: MappingSource): AsyncGenerator<Uint8Array> {
  if (source instanceof Blob) yield* chunksOf(source.stream())
  else if (source instanceof ReadableStream) yield* chunksOf(source)
  else yield* encoded(source)
}

/** Mappings are gathered until they come to about so many characters. */
const CHUNK = 65_536

/** Mappings become lines; bytes stay as they are. */
async function* encoded(
  items: Iterable<Mapping> | AsyncIterable<Mapping | Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder()
  let text = ''
  for await (const item of items) {
    if (item instanceof Uint8Array) {
      yield item
      continue
    }
    text += `${JSON.stringify(item)}\n`
    if (text.length < CHUNK) continue
    yield encoder.encode(text)
    text = ''
  }
  if (text !== '') yield encoder.encode(text)
}
