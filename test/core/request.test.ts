import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { finalState, NO_TERMS, processed, progress, remainingMs } from '../../src/core/request.ts'
import { NOW } from '../support/requests.ts'

const anyCounts = fc
  .record({
    completed: fc.nat({ max: 1e6 }),
    failed: fc.nat({ max: 1e6 }),
    cancelled: fc.nat({ max: 1e6 }),
    open: fc.nat({ max: 1e6 }),
  })
  .map(({ open, ...counts }) => ({ ...counts, total: open + processed(counts) }))
  .filter(({ total }) => total > 0)

describe('progress', () => {
  test.each([
    [0, 3, 0],
    [1, 3, 33],
    [2, 3, 66],
    [3, 3, 100],
    [999_999, 1_000_000, 99],
    [1_000_000, 1_000_000, 100],
  ])('%i of %i is %i %%', (completed, total, percent) => {
    expect(progress({ completed, failed: 0, cancelled: 0, total })).toBe(percent)
  })

  test('is 100 only when every mapping is final', () => {
    fc.assert(
      fc.property(anyCounts, (counts) => {
        expect(progress(counts) === 100).toBe(processed(counts) === counts.total)
      }),
    )
  })
})

test.each([
  { completed: 3, failed: 0, cancelled: 0, state: 'completed' },
  { completed: 2, failed: 1, cancelled: 0, state: 'failed' },
  { completed: 2, failed: 0, cancelled: 1, state: 'cancelled' },
  { completed: 1, failed: 1, cancelled: 1, state: 'failed' },
  { completed: 0, failed: 3, cancelled: 0, state: 'failed' },
])('$completed completed, $failed failed, $cancelled cancelled: $state', (row) => {
  expect(finalState({ ...row, total: 3 })).toBe(row.state)
})

describe('the time that remains', () => {
  const request = {
    id: 'request',
    tenant: 'default',
    priority: 'MEDIUM',
    state: 'in_progress',
    total: 100,
    completed: 20,
    failed: 5,
    cancelled: 0,
    createdAt: NOW - 60_000,
    startedAt: NOW - 10_000,
    finishedAt: null,
    metadata: {},
    terms: NO_TERMS,
    closing: null,
    pace: { at: NOW - 5000, processed: 15 },
  } as const

  test('goes by the pace it has had of late', () => {
    expect(remainingMs(request, NOW)).toBe(37_500)
  })

  test('is unknown while there is no pace, and when there is nothing to wait for', () => {
    expect(remainingMs({ ...request, pace: null }, NOW)).toBeNull()
    expect(remainingMs({ ...request, completed: 10, failed: 5 }, NOW)).toBeNull()
    expect(remainingMs({ ...request, completed: 95, finishedAt: NOW }, NOW)).toBeNull()
    expect(remainingMs({ ...request, closing: 'cancelled' }, NOW)).toBeNull()
  })
})
