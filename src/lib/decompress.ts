import {
  type BrotliOptions,
  brotliDecompressSync,
  gunzipSync,
  type ZlibOptions,
  type ZstdOptions,
  zstdDecompressSync,
} from 'node:zlib'

/**
 * Node's decoders, which by themselves pass over what comes after the end of what they read: after a zero byte
 * in gzip, after anything in brotli, and after the first frame of zstd. With `info` the decoder comes as well,
 * which tells how far it has read; Node's types do not know.
 */
type Decompress<Options> = (
  bytes: Uint8Array,
  options: Options & { readonly info: true },
) => { readonly buffer: Buffer; readonly engine: { readonly bytesWritten: number } }
const ofGzip = gunzipSync as unknown as Decompress<ZlibOptions>
const ofBrotli = brotliDecompressSync as unknown as Decompress<BrotliOptions>
const ofZstd = zstdDecompressSync as unknown as Decompress<ZstdOptions>

/**
 * Decodes what is in gzip, of one member or of several.
 *
 * @throws a RangeError where more than `size` comes of it; another error where it is damaged
 */
export function gunzip(bytes: Uint8Array, size: number): Buffer {
  return whole(bytes, ofGzip(bytes, { info: true, maxOutputLength: size }))
}

/** Decodes what is in brotli. Throws as `gunzip` does. */
export function unbrotli(bytes: Uint8Array, size: number): Buffer {
  return whole(bytes, ofBrotli(bytes, { info: true, maxOutputLength: size }))
}

function whole(bytes: Uint8Array, { buffer, engine }: ReturnType<typeof ofGzip>): Buffer {
  if (engine.bytesWritten < bytes.length) throw new Error('something else comes after it')
  return buffer
}

/** What is in zstd has more frames than may be. */
export class TooManyFrames extends Error {
  override readonly name = 'TooManyFrames'
}

export interface ZstdLimits {
  /** How many bytes may come of it. */
  readonly size: number
  /** Each takes a tenth of a millisecond to begin, however short it is. */
  readonly frames: number
}

/** Decodes all frames of what is in zstd. Throws as `gunzip` does, and TooManyFrames. */
export function unzstd(bytes: Uint8Array, limits: ZstdLimits): Buffer {
  const parts: Buffer[] = []
  let room = limits.size
  let rest = bytes
  do {
    if (parts.length === limits.frames) throw new TooManyFrames()
    // What is empty fits where no room is left.
    const { buffer, engine } = ofZstd(rest, { info: true, maxOutputLength: room + 1 })
    room -= buffer.length
    if (room < 0) throw new RangeError('too large')
    parts.push(buffer)
    rest = rest.subarray(engine.bytesWritten)
  } while (rest.length > 0)
  return Buffer.concat(parts)
}
