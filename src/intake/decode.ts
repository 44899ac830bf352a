import {
  constants,
  createGunzip,
  createZstdDecompress,
  type Gunzip,
  type ZstdDecompress,
} from 'node:zlib'

/** How a body is encoded for its way here. */
export type Encoding = 'identity' | 'gzip' | 'zstd'

/** A body is not encoded as it says. */
export class MalformedEncoding extends Error {
  override readonly name = 'MalformedEncoding'
}

const CHUNK_BYTES = 65_536

/** What a client may have us remember, to look back at: 8 MB, as RFC 9659 has it for HTTP. */
const ZSTD_WINDOW_LOG_MAX = 23

/**
 * The bytes of a body as they were before they were encoded. No more is decoded than is asked for.
 *
 * @throws MalformedEncoding, and whatever `body` throws
 */
export async function* decode(
  body: AsyncIterable<Uint8Array>,
  encoding: Encoding,
): AsyncGenerator<Uint8Array, void> {
  if (encoding === 'identity') return yield* body
  try {
    yield* decodeAll(body, DECODERS[encoding])
  } catch (error) {
    throw isOfDecoder(error) ? new MalformedEncoding(String(error), { cause: error }) : error
  }
}

type Decoder = Gunzip | ZstdDecompress

const DECODERS = {
  gzip: () => createGunzip({ chunkSize: CHUNK_BYTES }),
  zstd: () =>
    createZstdDecompress({
      chunkSize: CHUNK_BYTES,
      params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX },
    }),
} as const

/** How many frames a body in zstd may have: each takes a tenth of a millisecond to begin, however short it is. */
export const ZSTD_FRAMES_MAX = 10_000

/**
 * A decoder of Node's passes over what comes after the end of what it reads: that is another frame of zstd,
 * or, after a zero byte in gzip, what has no business there. The rest is for another decoder, which tells.
 */
async function* decodeAll(
  body: AsyncIterable<Uint8Array>,
  open: () => Decoder,
): AsyncGenerator<Uint8Array, void> {
  const chunks = body[Symbol.asyncIterator]()
  let rest: Uint8Array | null = new Uint8Array()
  try {
    for (let frames = 1; rest !== null; frames++) {
      if (frames > ZSTD_FRAMES_MAX) throw new MalformedEncoding('too many frames')
      const decoder = open()
      const fed = feed(decoder, rest, chunks)
      yield* decoder
      rest = await fed
    }
  } finally {
    // Not waited for: whoever makes the chunks may be waiting for a client.
    chunks.return?.().catch(() => {})
  }
}

/**
 * Feeds a decoder as long as it takes what it gets. What goes wrong on either side comes out where it is read.
 *
 * @returns what it has left of a chunk; null where there is nothing left
 */
async function feed(
  decoder: Decoder,
  first: Uint8Array,
  chunks: AsyncIterator<Uint8Array>,
): Promise<Uint8Array | null> {
  try {
    let chunk = first
    for (;;) {
      const before = decoder.bytesWritten
      await write(decoder, chunk)
      const taken = decoder.bytesWritten - before
      if (taken < chunk.length) return chunk.subarray(taken)
      const next = await chunks.next()
      if (next.done) break
      chunk = next.value
    }
    decoder.end()
  } catch (error) {
    decoder.destroy(error instanceof Error ? error : new Error(String(error)))
  }
  return null
}

/** Resolves when the decoder is done with the bytes. */
function write(decoder: Decoder, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    decoder.write(bytes, (error) => (error ? reject(error) : resolve()))
  })
}

function isOfDecoder(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^(?:Z_|ZSTD_)/.test(String(error.code))
}
