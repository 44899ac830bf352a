/** How encoded bodies are decoded, wherever the network has cut them. */
import { gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decode, type Encoding, MalformedEncoding } from '../../src/intake/decode.ts'

/** Bytes, cut at these places. */
async function* cut(bytes: Buffer, cuts: readonly number[]): AsyncGenerator<Uint8Array, void> {
  const places = [...cuts.map((at) => at % (bytes.length + 1)), 0, bytes.length]
  const sorted = places.toSorted((a, b) => a - b)
  for (const [at, to] of sorted.slice(1).entries()) yield bytes.subarray(sorted[at], to)
}

async function decoded(body: AsyncIterable<Uint8Array>, encoding: Encoding): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of decode(body, encoding)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** What decoders pass over: eight bytes of a head, and as many as it says. */
const SKIPPABLE = Buffer.from('502a4d1804000000aabbccdd', 'hex')

const PARTS = { gzip: gzipSync, zstd: zstdCompressSync } as const

describe.each(['gzip', 'zstd'] as const)('a body in %s', (encoding) => {
  const part = (bytes: Uint8Array) => PARTS[encoding](bytes)

  test('is decoded whole, of however many parts it is', async () => {
    const anyText = fc.oneof(fc.uint8Array(), fc.constant(new Uint8Array(200_000)))
    const anyTexts = fc.array(anyText, { minLength: 1, maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(anyTexts, fc.array(fc.nat(), { maxLength: 20 }), async (texts, cuts) => {
        const body = Buffer.concat(texts.map(part))
        const all = Buffer.concat(texts)
        expect((await decoded(cut(body, cuts), encoding)).equals(all)).toBe(true)
      }),
    )
  })

  test.each([
    ['is cut off', part(Buffer.from('one')).subarray(0, -1)],
    [
      'is cut off in its second part',
      Buffer.concat([part(Buffer.of(1)), part(Buffer.of(2)).subarray(0, -1)]),
    ],
    [
      'has something else behind it',
      Buffer.concat([part(Buffer.of(1)), Buffer.from('something else')]),
    ],
    [
      'has something else behind a zero byte',
      Buffer.concat([part(Buffer.of(1)), Buffer.from('\0something else')]),
    ],
    ['has a zero byte behind it', Buffer.concat([part(Buffer.of(1)), Buffer.of(0)])],
    ['is empty', Buffer.of()],
  ])('is refused where it %s', async (_, body) => {
    for (const cuts of [[], [1, 2, 3], [body.length - 1]]) {
      await expect(decoded(cut(body, cuts), encoding)).rejects.toThrow(MalformedEncoding)
    }
  })

  test('throws what its bytes throw', async () => {
    const gone = new Error('gone')
    async function* body() {
      yield part(Buffer.of(1)).subarray(0, 5)
      throw gone
    }
    await expect(decoded(body(), encoding)).rejects.toBe(gone)
  })

  test('lets go of its bytes when nobody asks for more, though none may ever come', async () => {
    const begun = part(Buffer.alloc(1_000_000))
    const { promise: never } = Promise.withResolvers<void>()
    async function* body() {
      yield begun
      await never
    }
    for await (const chunk of decode(body(), encoding)) {
      expect(chunk.length).toBe(65_536)
      break
    }
  })
})

test('frames of zstd that are to be skipped are skipped', async () => {
  const frame = zstdCompressSync('one')
  const body = Buffer.concat([SKIPPABLE, frame, SKIPPABLE, frame, SKIPPABLE])
  expect((await decoded(cut(body, []), 'zstd')).toString()).toBe('oneone')
  expect((await decoded(cut(body, [3, 15, 30]), 'zstd')).toString()).toBe('oneone')
})

test('a body in zstd has 10,000 frames at most', async () => {
  const frame = zstdCompressSync('')
  const body = Buffer.alloc(10_001 * frame.length).fill(frame)
  await expect(decoded(cut(body, []), 'zstd')).rejects.toThrow(MalformedEncoding)
  expect(await decoded(cut(body.subarray(frame.length), []), 'zstd')).toHaveLength(0)
})
