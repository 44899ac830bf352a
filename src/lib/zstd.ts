import { type ZstdOptions, zstdDecompressSync } from 'node:zlib'

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

/** With `info` the decoder comes as well, which tells how far it has read. Node's types do not know. */
type Decompress = (
  bytes: Uint8Array,
  options: ZstdOptions & { readonly info: true },
) => { readonly buffer: Buffer; readonly engine: { readonly bytesWritten: number } }
const decompress = zstdDecompressSync as unknown as Decompress

/**
 * Decodes all frames of what is in zstd: by itself, Node's decoder passes over whatever comes after the first.
 *
 * @throws TooManyFrames; a RangeError where more comes of it than may; another error where it is damaged
 */
export function unzstd(bytes: Uint8Array, limits: ZstdLimits): Buffer {
  const parts: Buffer[] = []
  let room = limits.size
  let rest = bytes
  do {
    if (parts.length === limits.frames) throw new TooManyFrames()
    // What is empty fits where no room is left.
    const { buffer, engine } = decompress(rest, { info: true, maxOutputLength: room + 1 })
    room -= buffer.length
    if (room < 0) throw new RangeError('too large')
    parts.push(buffer)
    rest = rest.subarray(engine.bytesWritten)
  } while (rest.length > 0)
  return Buffer.concat(parts)
}
