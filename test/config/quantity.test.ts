import { expect, test } from 'vitest'
import { parseDuration, parseRate, parseSize } from '../../src/core/quantity.ts'

test.each([
  ['0ms', 0],
  ['500ms', 500],
  ['10s', 10_000],
  ['5m', 300_000],
  ['1h', 3_600_000],
  ['30d', 2_592_000_000],
])('%s is a duration', (text, ms) => {
  expect(parseDuration(text)).toBe(ms)
})

test.each(['', '10', 's', '-1s', '1.5s', '1e3s', ' 1s', '1s ', '1 s', '1w', '1000000000s', '1S'])(
  '"%s" is no duration',
  (text) => {
    expect(parseDuration(text)).toBeNull()
  },
)

test.each([
  ['0B', 0],
  ['64MB', 64_000_000],
  ['1GB', 1e9],
  ['1KiB', 1024],
  ['1MiB', 1_048_576],
])('%s is a size', (text, bytes) => {
  expect(parseSize(text)).toBe(bytes)
})

test.each(['', '64', '1iB', '1TB', '1kb', '-1B', '1.5MB'])('"%s" is no size', (text) => {
  expect(parseSize(text)).toBeNull()
})

test.each([
  ['100/s', { count: 100, per: 1000 }],
  ['10/m', { count: 10, per: 60_000 }],
  ['5000/h', { count: 5000, per: 3_600_000 }],
])('%s is a rate', (text, rate) => {
  expect(parseRate(text)).toEqual(rate)
})

test.each(['', '0/s', '100', '/s', '1.5/s', '10/ms', '10/10s', '-1/s'])(
  '"%s" is no rate',
  (text) => {
    expect(parseRate(text)).toBeNull()
  },
)
