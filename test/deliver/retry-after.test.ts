import { expect, test } from 'vitest'
import { parseRetryAfter } from '../../src/deliver/kinds/http/retry-after.ts'
import { NOW } from '../support/requests.ts'

test.each([
  ['30', 30_000],
  ['0', 0],
  [new Date(NOW + 30_000).toUTCString(), 30_000],
  [new Date(NOW - 30_000).toUTCString(), 0],
  ['-1', null],
  ['1.5', null],
  ['9999999999', null],
  ['soon', null],
  [new Date(NOW).toISOString(), null],
  ['Thu, 99 Jan 2026 00:00:00 GMT', null],
])('Retry-After: %s is %s ms', (header, delay) => {
  expect(parseRetryAfter(header, NOW)).toBe(delay)
})
