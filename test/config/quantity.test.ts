import { expect, test } from 'vitest'
import {
  grouped,
  parseDuration,
  parseIsoDuration,
  parseRate,
  parseSize,
} from '../../src/core/quantity.ts'

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
  ['PT2H', 7_200_000],
  ['P1DT12H30M', 131_400_000],
  ['PT0.5S', 500],
  ['PT1.001S', 1001],
  ['P2W', 1_209_600_000],
  ['PT0S', 0],
])('%s is an ISO 8601 duration', (text, ms) => {
  expect(parseIsoDuration(text)).toBe(ms)
})

test.each([
  '',
  'P',
  'PT',
  'P1',
  'P1H',
  'PT1D',
  'P1Y',
  'P1M',
  'PT1M1H',
  '-PT1H',
  'pt1h',
  'PT1.S',
  'P1DT',
])('"%s" is no ISO 8601 duration of one length', (text) => {
  expect(parseIsoDuration(text)).toBeNull()
})

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

test.each([
  [0, '0'],
  [999, '999'],
  [1000, '1,000'],
  [12_345, '12,345'],
  [1_234_567, '1,234,567'],
  [1234.5, '1,234.5'],
  ['12345.0', '12,345.0'],
])('%s is written as %s', (number, text) => {
  expect(grouped(number)).toBe(text)
})
