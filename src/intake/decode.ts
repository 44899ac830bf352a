import { pipeline, Readable } from 'node:stream'
import { constants, createGunzip, createZstdDecompress } from 'node:zlib'

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
  const decoder = encoding === 'gzip' ? gunzip() : unzstd()
  // What goes wrong on either side comes out where it is read.
  pipeline(Readable.from(body, { objectMode: false }), decoder, () => {})
  try {
    yield* decoder
  } catch (error) {
    throw isOfDecoder(error) ? new MalformedEncoding(String(error), { cause: error }) : error
  }
}

function gunzip() {
  return createGunzip({ chunkSize: CHUNK_BYTES })
}

function unzstd() {
  const params = { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX }
  return createZstdDecompress({ chunkSize: CHUNK_BYTES, params })
}

function isOfDecoder(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^(?:Z_|ZSTD_)/.test(String(error.code))
}
