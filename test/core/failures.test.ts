import { describe, expect, test } from 'vitest'
import { addFailure, type FailureRun, lastFailures } from '../../src/core/failures.ts'
import type { MappingError } from '../../src/core/verdict.ts'

function failed(code: string, httpStatus: number | null = null): MappingError {
  return { code, httpStatus, stage: 'write', message: `It said ${code}.` }
}

function runsOf(...errors: readonly MappingError[]): readonly FailureRun[] {
  const runs: FailureRun[] = []
  for (const [place, error] of errors.entries()) addFailure(runs, `map_${place}`, error)
  return runs
}

describe('the failures of a batch', () => {
  test('are one run as long as they are of one kind, with its first mapping and last words', () => {
    const [first, second] = [failed('late'), { ...failed('late'), message: 'Again.' }]
    expect(runsOf(first, second)).toEqual([
      { code: 'late', httpStatus: null, count: 2, sample: 'map_0', message: 'Again.' },
    ])
  })

  test.each([
    ['code', failed('late'), failed('lost')],
    ['HTTP status', failed('late', 502), failed('late', 503)],
  ])('begin another run where the %s is another', (_, one, other) => {
    expect(runsOf(one, other, one).map(({ count }) => count)).toEqual([1, 1, 1])
  })

  test('keep what a system says to a bounded length', () => {
    const [run] = runsOf({ ...failed('c'.repeat(1000)), message: 'm'.repeat(499) + '👩'.repeat(9) })
    expect(run?.code).toHaveLength(128)
    expect(run?.message).toBe(`${'m'.repeat(499)}\ufffd`)
  })
})

describe('the last of them', () => {
  const runs = runsOf(failed('a'), failed('a'), failed('a'), failed('b'), failed('a'))
  const codes = (count: number) => lastFailures(runs, count).map((run) => [run.code, run.count])

  test('are counted from the end', () => {
    expect([0, 1, 2, 3, 5].map(codes)).toEqual([
      [],
      [['a', 1]],
      [
        ['b', 1],
        ['a', 1],
      ],
      [
        ['a', 1],
        ['b', 1],
        ['a', 1],
      ],
      [
        ['a', 3],
        ['b', 1],
        ['a', 1],
      ],
    ])
  })

  test('are all of them where there are no more', () => {
    expect(codes(100)).toEqual(codes(5))
  })
})
