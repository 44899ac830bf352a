import { describe, expect, test } from 'vitest'
import { forecastOf } from '../../src/core/forecast.ts'
import type { Gate } from '../../src/core/gate.ts'
import { outlookOf, type SystemWork } from '../../src/core/outlook.ts'
import { NOW } from '../support/requests.ts'

const MEASURED = { duration: 100, known: 'measured' } as const
const UNKNOWN = { duration: 30_000, known: 'timeout' } as const

/** Ten calls at once, of 100 ms each, and nothing else to do. */
function work(changes: Partial<SystemWork> = {}): SystemWork {
  return {
    system: 'crm',
    reads: 0,
    writes: 1000,
    before: 0,
    together: 1,
    limits: { concurrency: 10, rate: null },
    learned: null,
    call: MEASURED,
    gate: null,
    paused: false,
    ...changes,
  }
}

function limits(count: number, per = 1000, burst = 1): Pick<SystemWork, 'limits'> {
  return { limits: { concurrency: 10, rate: [{ count, per, burst }] } }
}

function closed(state: NonNullable<Gate>['state'], seconds: number): Pick<SystemWork, 'gate'> {
  return { gate: { state, until: NOW + seconds * 1000, reason: 'It said so.' } }
}

function forecast(...works: readonly [Partial<SystemWork>, ...Partial<SystemWork>[]]) {
  return forecastAfter(0, ...works)
}

/** Of a request that must not start for so many seconds. */
function forecastAfter(
  seconds: number,
  ...works: readonly [Partial<SystemWork>, ...Partial<SystemWork>[]]
) {
  const [first, ...others] = works.map((changes) => outlookOf(work(changes), NOW))
  if (first === undefined) throw new Error('there is one')
  return forecastOf([first, ...others], seconds * 1000)
}

describe('what one system takes', () => {
  test.each<readonly [string, Partial<SystemWork>, number, string, string]>([
    [
      'calls of a measured length, so many at once',
      {},
      10_000,
      'concurrency',
      'crm takes 10 calls at once, and one has taken about 100 ms of late.',
    ],
    [
      'calls of a configured length',
      { call: { duration: 2500, known: 'configured' } },
      250_000,
      'concurrency',
      'crm takes 10 calls at once, and one takes 2.5 s.',
    ],
    [
      'calls of which nothing is known but their timeout',
      { call: UNKNOWN },
      3_000_000,
      'concurrency',
      'crm takes 10 calls at once. How long one takes is not known yet, so each counts as its timeout of 30 s; most likely it is done much sooner.',
    ],
    [
      'a single mapping',
      { writes: 1, limits: { concurrency: 1, rate: null } },
      100,
      'concurrency',
      'crm takes one call at a time, and one has taken about 100 ms of late.',
    ],
    [
      'a rate that is slower than that',
      limits(50),
      999 * 20 + 100,
      'rate',
      'crm may be called 50/s.',
    ],
    ['a rate that is faster', limits(500), 10_000, 'concurrency', expect.any(String)],
    [
      'a rate, and calls of which nothing is known',
      { ...limits(50), call: UNKNOWN },
      999 * 20,
      'rate',
      'crm may be called 50/s. How long a call takes is not known yet; with more than 200 ms each it takes longer.',
    ],
    [
      'the tightest of several windows',
      {
        limits: {
          concurrency: 10,
          rate: [
            { count: 50, per: 1000 },
            { count: 600, per: 60_000, burst: 1 },
          ],
        },
      },
      999 * 100 + 100,
      'rate',
      'crm may be called 600/m.',
    ],
    ['a burst, from rest', limits(50, 1000, 101), 899 * 20 + 100, 'rate', expect.any(String)],
    ['all of it within a burst', limits(5, 1000, 1000), 10_000, 'concurrency', expect.any(String)],
    [
      'the usual burst of a fiftieth',
      { limits: { concurrency: 10, rate: [{ count: 50, per: 1000 }] } },
      999 * 20 - 20 + 100,
      'rate',
      expect.any(String),
    ],
    [
      'what a call costs',
      {
        limits: {
          concurrency: 10,
          rate: [{ count: 50, per: 1000, burst: 1 }],
          cost: { read: 1, write: 5 },
        },
      },
      999 * 100 + 100,
      'rate',
      expect.any(String),
    ],
    [
      'calls that cost nothing',
      { limits: { concurrency: 10, rate: [{ count: 1, per: 1000 }], cost: { read: 1, write: 0 } } },
      10_000,
      'concurrency',
      expect.any(String),
    ],
    [
      'a rate that its refusals have taught',
      { ...limits(50), learned: 12.5 },
      999 * 80 + 100,
      'rate',
      'crm has been found to take 12.5 calls a second.',
    ],
    ['many mappings in a call', { together: 100 }, 100, 'concurrency', expect.any(String)],
    [
      'many in a call, at a rate',
      { together: 100, ...limits(2) },
      9 * 500 + 100,
      'rate',
      expect.any(String),
    ],
    [
      'many in a call, of which the last is not full',
      { writes: 101, together: 100, limits: { concurrency: 1, rate: null } },
      200,
      'concurrency',
      expect.any(String),
    ],
    ['reads of the same system', { reads: 1000 }, 20_000, 'concurrency', expect.any(String)],
    [
      'nothing but reads',
      {
        reads: 1000,
        writes: 0,
        limits: {
          concurrency: 10,
          rate: [{ count: 10, per: 1000, burst: 1 }],
          cost: { read: 2, write: 1 },
        },
      },
      999 * 200 + 100,
      'rate',
      expect.any(String),
    ],
    [
      'what goes before',
      { before: 500 },
      15_000,
      'concurrency',
      'crm takes 10 calls at once, and one has taken about 100 ms of late. Of what is open there, about 500 go before.',
    ],
    [
      'mostly what goes before, whose calls have used up the burst',
      { before: 9000, ...limits(50, 1000, 1000) },
      9999 * 20 + 100,
      'backlog',
      'crm may be called 50/s. Of what is open there, about 9,000 go before.',
    ],
    [
      'what goes before, by what sets the pace of all of it, and not of its own few calls',
      { writes: 2, before: 10_000, ...limits(120) },
      1001 * 100,
      'backlog',
      expect.stringContaining('crm takes 10 calls at once'),
    ],
    [
      'a gate that opens by itself',
      closed('throttled', 5),
      15_000,
      'concurrency',
      'crm is left alone at first: It said so. crm takes 10 calls at once, and one has taken about 100 ms of late.',
    ],
    ['mostly a gate', closed('throttled', 60), 70_000, 'gate', expect.any(String)],
    [
      'a gate whose time is over',
      closed('throttled', -5),
      10_000,
      'concurrency',
      expect.not.stringContaining('alone'),
    ],
  ])('counts %s', (_, changes, duration, boundedBy, because) => {
    expect(forecast(changes)).toEqual({ duration, boundedBy, because })
  })

  test.each<readonly [string, Partial<SystemWork>, string]>([
    ['held', closed('held', 5), 'crm is held, and nobody can tell until when: It said so.'],
    [
      'tripped',
      closed('tripped', -5),
      'crm is tripped, and nobody can tell until when: It said so.',
    ],
    ['paused', { paused: true }, 'An operator has paused crm; nobody can tell until when.'],
    [
      'paused and throttled',
      { paused: true, ...closed('throttled', 5) },
      'An operator has paused crm; nobody can tell until when.',
    ],
  ])('cannot be told while it is %s', (_, changes, because) => {
    expect(forecast(changes)).toEqual({ duration: null, boundedBy: 'gate', because })
  })
})

describe('what a lane takes that reads from other systems', () => {
  const SLOW = { system: 'erp', reads: 1000, writes: 0, ...limits(10) }

  test('is what the slowest of them takes, and a call to each of the others', () => {
    expect(forecast({}, SLOW)).toEqual({
      duration: 999 * 100 + 100 + 100,
      boundedBy: 'rate',
      because: 'erp may be called 10/s.',
    })
    expect(forecast({}, { ...SLOW, limits: { concurrency: 1000, rate: null } }).duration).toBe(
      10_100,
    )
  })

  test('does not count a call of which nothing is known', () => {
    expect(forecast({ ...limits(500), call: UNKNOWN }, SLOW).duration).toBe(999 * 100 + 100)
  })

  test('cannot be told while one of them is held', () => {
    expect(forecast({}, { ...SLOW, ...closed('held', 60) })).toEqual({
      duration: null,
      boundedBy: 'gate',
      because: 'erp is held, and nobody can tell until when: It said so.',
    })
  })
})

describe('what a lane takes that must not start yet', () => {
  test('is the wait, and then its own calls', () => {
    expect(forecastAfter(3600, {})).toEqual({
      duration: 3_610_000,
      boundedBy: 'not_before',
      because:
        'Nothing of it starts before its time, which comes in 60 min. crm takes 10 calls at once, and one has taken about 100 ms of late.',
    })
  })

  test('is mostly its own calls where they take longer', () => {
    expect(forecastAfter(5, {})).toMatchObject({ duration: 15_000, boundedBy: 'concurrency' })
  })

  test('does not count twice what is over by then: what goes before, and a gate that opens', () => {
    const busy = { before: 500, ...closed('throttled', 5) }
    expect(forecast(busy).duration).toBe(20_000)
    expect(forecastAfter(4, busy).duration).toBe(20_000)
    expect(forecastAfter(10, busy).duration).toBe(20_000)
    expect(forecastAfter(30, busy)).toMatchObject({ duration: 40_000, boundedBy: 'not_before' })
    expect(forecastAfter(9, { before: 9000 })).toMatchObject({ boundedBy: 'backlog' })
  })

  test.each([
    [90, '90 s'],
    [7200, '2 h'],
    [3 * 86_400, '3 days'],
    [100 * 366 * 86_400, '36,600 days'],
  ])('says how long that is: %i s', (seconds, words) => {
    expect(forecastAfter(seconds, {}).because).toContain(`comes in ${words}. `)
  })

  test('cannot be told while it is held, whenever it starts', () => {
    expect(forecastAfter(3600, closed('held', 5)).duration).toBeNull()
  })
})
