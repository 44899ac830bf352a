import { describe, expect, test } from 'vitest'
import { readOptions } from '../../src/intake/query.ts'
import { termsOf } from '../../src/intake/times.ts'
import { NOW } from '../support/requests.ts'

const callbacks = { areSigned: false, addressFault: () => null }

const HOUR = 3_600_000
const DAY = 24 * HOUR

function at(moment: number): string {
  return new Date(moment).toISOString()
}

describe('the times of a request', () => {
  test.each([
    ['no times', {}, null, null],
    ['a time to come', { not_before: at(NOW + HOUR) }, NOW + HOUR, null],
    ['a time in another zone', { not_before: '2026-01-01T02:00:00+01:00' }, NOW + HOUR, null],
    ['a time that is over', { not_before: at(NOW - HOUR) }, NOW - HOUR, null],
    ['a length in our units', { expires_in: '90s' }, null, NOW + 90_000],
    ['a length in ISO 8601', { expires_in: 'PT1.5S' }, null, NOW + 1500],
    ['the shortest', { expires_in: '1s' }, null, NOW + 1000],
    ['both', { not_before: at(NOW + HOUR), expires_in: '2h' }, NOW + HOUR, NOW + 2 * HOUR],
    [
      'the longest',
      { not_before: at(NOW + 365 * DAY), expires_in: 'P366D' },
      NOW + 365 * DAY,
      NOW + 366 * DAY,
    ],
  ])('are what they say: %s', (_, times, notBefore, expiresAt) => {
    expect(termsOf(times, NOW)).toMatchObject({ notBefore, expiresAt })
  })

  test.each([
    ['not_before', { not_before: '2026-01-01T00:00:60Z' }, 'a moment'],
    ['not_before', { not_before: at(NOW + 100 * 366 * DAY + 1) }, 'at most a hundred years ahead'],
    ['expires_in', { expires_in: 'P1M' }, 'no one length'],
    ['expires_in', { expires_in: '999ms' }, 'from one second'],
    ['expires_in', { expires_in: '367d' }, 'to 366 days'],
    ['expires_in', { not_before: at(NOW + HOUR), expires_in: '1h' }, 'expire before not_before'],
  ])('and %s is refused where it makes no sense: %o', (name, times, detail) => {
    expect(termsOf(times, NOW)).toEqual([[name, expect.stringContaining(detail)]])
  })
})

test('times that are both wrong are both told of', () => {
  const times = { not_before: '2026-01-01T00:00:60Z', expires_in: 'P1M' }
  expect(termsOf(times, NOW)).toEqual([
    ['not_before', expect.stringContaining('a moment')],
    ['expires_in', expect.stringContaining('no one length')],
  ])
})

describe('the options of an address', () => {
  test('are those of a body', () => {
    const times = { not_before: at(NOW + HOUR), expires_in: '2h' }
    const query = { priority: 'LOW', batch_size: 5, ...times } as const
    expect(readOptions({ ...query, metadata: '{"run":"nightly"}' }, callbacks, NOW)).toMatchObject({
      ...{ kind: 'read', options: { ...query, metadata: { run: 'nightly' } } },
      terms: { notBefore: NOW + HOUR, expiresAt: NOW + 2 * HOUR },
    })
  })

  test('are all told of where they are wrong', () => {
    const metadata = JSON.stringify({ a: 'x'.repeat(1025), b: 1 })
    expect(
      readOptions({ metadata, not_before: 'soon', expires_in: '2' }, callbacks, NOW),
    ).toMatchObject({
      kind: 'refused',
      problems: [
        { pointer: '#/query/metadata/a', code: 'invalid_value' },
        { pointer: '#/query/metadata/b', code: 'invalid_type' },
        { pointer: '#/query/not_before', code: 'invalid_value' },
        { pointer: '#/query/expires_in', code: 'invalid_value' },
      ],
    })
  })

  test('are told of though there is metadata that cannot be read', () => {
    const query = { metadata: '{', retry_of: 'last', expires_in: '2' }
    expect(readOptions(query, callbacks, NOW)).toMatchObject({
      problems: [
        { pointer: '#/query/metadata', code: 'malformed_json' },
        { pointer: '#/query/retry_of', code: 'invalid_value' },
        { pointer: '#/query/expires_in', code: 'invalid_value' },
      ],
    })
  })
})
