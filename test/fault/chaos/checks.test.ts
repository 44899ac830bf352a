/** The checks of the chaos test bite: each is shown what must not be, and what may. */
import { describe, expect, test } from 'vitest'
import {
  doubleDeliveries,
  leaseBreaches,
  needlessRepeats,
  type SeenCall,
  type SeenLease,
  strayKeys,
  tooManyASecond,
  tooManyAtOnce,
  withoutLastBreaths,
} from './checks.ts'

function call(began: number, ended: number, more: Partial<SeenCall> = {}): SeenCall {
  const usual = { system: 'crm', node: 'worker-1', mapping: 'm1', key: 'r:1', answer: 'taken' }
  return { ...usual, began, ended, ...more } as SeenCall
}

function lease(token: number, worker: string, isKnown = true): SeenLease {
  return { batch: 7, token, worker, isKnown }
}

test('calls at once are counted, and one that ends makes room', () => {
  expect(tooManyAtOnce([call(0, 10), call(10, 20), call(5, 15)], 2)).toEqual([])
  expect(tooManyAtOnce([call(0, 10), call(9, 20), call(5, 15)], 2)).toEqual([
    'crm had 3 calls at once, not 2',
  ])
  expect(tooManyAtOnce([call(0, Number.POSITIVE_INFINITY), call(5000, 5001)], 1)).toHaveLength(1)
})

test('calls in a second are counted, whenever the second begins', () => {
  expect(tooManyASecond([call(600, 601), call(900, 901), call(1600, 1601)], 2)).toEqual([])
  expect(tooManyASecond([call(600, 601), call(900, 901), call(1599, 1600)], 2)).toEqual([
    'crm had 3 calls in a second, not 2',
  ])
})

test('a mapping has one key, and a key one mapping', () => {
  expect(strayKeys([call(0, 1), call(2, 3)])).toEqual([])
  expect(strayKeys([call(0, 1), call(2, 3, { key: 'r:2' })])).toHaveLength(1)
  expect(strayKeys([call(0, 1), call(2, 3, { mapping: 'm2' })])).toHaveLength(1)
})

test('a mapping is under way once at a time', () => {
  expect(doubleDeliveries([call(0, 10), call(10, 20, { node: 'worker-2' })])).toEqual([])
  expect(doubleDeliveries([call(0, 10), call(9, 20, { node: 'worker-2' })])).toEqual([
    'r:1 was under way at worker-1 when worker-2 began',
  ])
})

describe('what was taken', () => {
  const repeated = [call(0, 1), call(100, 101)]

  test('does not come again for nothing', () => {
    expect(needlessRepeats(repeated, [])).toHaveLength(1)
    expect(needlessRepeats(repeated, [{ victim: 'worker-1', from: 101, until: 200 }])).toHaveLength(
      1,
    )
  })

  test('may come again when something went wrong between, or nobody heard that it was', () => {
    expect(needlessRepeats(repeated, [{ victim: 'worker-1', from: 50, until: 50 }])).toEqual([])
    const unheard = [call(0, 1, { answer: 'taken without a word' }), call(100, 101)]
    expect(needlessRepeats(unheard, [])).toEqual([])
  })
})

test('a batch has one holder for each token, who is a worker, and tokens rise', () => {
  expect(leaseBreaches([[lease(1, 'a')], [lease(1, 'a')], [lease(2, 'b')]])).toEqual([])
  expect(leaseBreaches([[lease(1, 'a')], [lease(1, 'b')]])).toHaveLength(1)
  expect(leaseBreaches([[lease(2, 'a')], [lease(1, 'a')]])).toHaveLength(1)
  expect(leaseBreaches([[lease(1, 'a', false)]])).toHaveLength(1)
})

test('only what a process let go just as it was stopped for long is excused', () => {
  const rule = { givenUpAfter: 13_000, within: 100 }
  const late = [call(20_050, 20_060)]
  const long = { victim: 'worker-1', from: 0, until: 20_000 }
  expect(withoutLastBreaths(late, [long], rule)).toEqual([])
  expect(withoutLastBreaths(late, [{ ...long, from: 10_000 }], rule)).toEqual(late)
  expect(withoutLastBreaths(late, [{ ...long, victim: 'worker-2' }], rule)).toEqual(late)
  expect(withoutLastBreaths([call(20_100, 20_101)], [long], rule)).toHaveLength(1)
})
