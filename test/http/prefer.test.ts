import { describe, expect, test } from 'vitest'
import { waitIn } from '../../src/http/prefer.ts'

describe('Prefer: wait', () => {
  test.each([
    ['wait=10', 10],
    ['wait=0', 0],
    ['Wait = 7', 7],
    ['wait="30"', 30],
    ['wait=60', 60],
    ['wait=61', 60],
    ['wait=999999999', 60],
    ['respond-async, wait=5', 5],
    ['wait=5; urgent', 5],
    ['return=representation; wait=1, wait=2', 2],
    ['note="a, wait=1", wait=3', 3],
    ['note="an \\" quote, wait=1", wait=3', 3],
    ['wait=4, wait=8', 4],
  ])('%s', (prefer, seconds) => {
    expect(waitIn(prefer)).toBe(seconds)
  })

  test.each([
    undefined,
    '',
    'wait',
    'wait=',
    'wait=soon',
    'wait=-1',
    'wait=1.5',
    'wait=1e3',
    'wait="x"',
    'wait=soon, wait=5',
    'waiting=5',
    'x-wait=5',
    'wait="5',
    `x=${'"'.repeat(10_000)}, wait=5`,
  ])('says nothing: %s', (prefer) => {
    expect(waitIn(prefer)).toBeNull()
  })
})
