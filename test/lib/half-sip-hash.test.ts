import { expect, test } from 'vitest'
import { HalfSipHash } from '../../src/lib/half-sip-hash.ts'

/** Of the reference implementation, for the key 00 01 … 07 and the bytes 00 01 …, so many of them. */
const VECTORS = [
  [0, '218d1f59b9b83cc8'],
  [2, '064f39ef7c50eb57'],
  [4, 'd5e78a175be52ea1'],
  [6, 'ce3e91358aa2bc25'],
  [8, 'edfee820bce4858c'],
  [62, 'f90b3ab572d46693'],
] as const

test.each(VECTORS)('the hash of %i bytes is that of the reference', (length, expected) => {
  const hash = new HalfSipHash(0x03020100, 0x07060504)
  const bytes = Buffer.from(Array.from({ length }, (_, at) => at))
  hash.of(bytes.toString('utf16le'))
  const found = Buffer.alloc(8)
  found.writeInt32LE(hash.low, 0)
  found.writeInt32LE(hash.high, 4)
  expect(found.toString('hex')).toBe(expected)
})

test('another key makes another hash', () => {
  const [one, other] = [new HalfSipHash(1, 2), new HalfSipHash(1, 3)]
  one.of('map_001')
  other.of('map_001')
  expect([one.low, one.high]).not.toEqual([other.low, other.high])
})
