import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib'

/** The encodings that an answer may have, as a header says it. */
export const ACCEPTED_ENCODINGS = 'gzip, br, zstd'

type Decoder = (body: Buffer, limit: { readonly maxOutputLength: number }) => Buffer

const DECODERS = new Map<string, Decoder>([
  ['gzip', gunzipSync],
  ['x-gzip', gunzipSync],
  ['br', brotliDecompressSync],
  ['zstd', zstdDecompressSync],
])

/** What came in, decoded; or why it is not, as the end of "The answer is …". */
export type Decoded = Buffer | { readonly unread: string }

/**
 * Decodes an answer, and stops as soon as it grows beyond `sizeMax`: what is small on the wire may
 * hold a thousand times as much. At once, because that takes a few milliseconds for a megabyte, and a
 * detour through a thread longer than most answers take. More than one encoding is not undone.
 */
export function decode(body: Buffer, encoding: string, sizeMax: number): Decoded {
  if (encoding === '' || encoding === 'identity' || body.length === 0) return body
  const decoder = DECODERS.get(encoding.toLowerCase())
  if (decoder === undefined) return { unread: 'encoded in a way that was not asked for' }
  try {
    return decoder(body, { maxOutputLength: sizeMax })
  } catch (error) {
    const isTooLarge = error instanceof RangeError
    return { unread: isTooLarge ? tooLarge(sizeMax) : 'not encoded in the way it says' }
  }
}

/** Why a large answer was not read. */
export function tooLarge(sizeMax: number): string {
  return `larger than ${sizeMax} bytes`
}
