import { describe, expect, test } from 'vitest'
import {
  concurrencyInForce,
  REPORTED_MS,
  type SystemReport,
  together,
} from '../../src/core/report.ts'
import { NOW } from '../support/requests.ts'

function report(changes: Partial<SystemReport> = {}): SystemReport {
  return {
    at: NOW,
    concurrency: 10,
    perMinute: 60,
    learned: null,
    learnedRate: null,
    callLength: null,
    lastError: null,
    ...changes,
  }
}

function failed(at: number): SystemReport['lastError'] {
  return { code: `at_${at}`, message: 'It failed.', stage: 'write', httpStatus: 500, at }
}

function learned(at: number): SystemReport['learned'] {
  return { limit: 100, window: null, remaining: null, resetsAt: null, at }
}

const OLD = NOW - REPORTED_MS

describe('the reports of all workers', () => {
  test('add up', () => {
    const all = [
      report({ learnedRate: 2 }),
      report({ concurrency: 5, perMinute: 1, learnedRate: 3 }),
    ]
    expect(together(all, NOW)).toMatchObject({ concurrency: 15, perMinute: 61, learnedRate: 5 })
  })

  test('say nothing where there are none', () => {
    expect(together([], NOW)).toEqual({
      ...{ concurrency: null, perMinute: 0, learned: null },
      ...{ learnedRate: null, callLength: null, lastError: null },
    })
  })

  test('that are old still tell how many calls are let through, and nothing of the last minute', () => {
    const all = [report({ learnedRate: 2 }), report({ at: OLD, learnedRate: 3 })]
    expect(together(all, NOW)).toMatchObject({ concurrency: 20, perMinute: 60, learnedRate: 2 })
    expect(together(all.slice(1), NOW)).toMatchObject({ perMinute: 0, learnedRate: null })
  })

  test('give the latest of what they have heard, in whatever order they come', () => {
    const older = report({ learned: learned(NOW - 2), lastError: failed(NOW - 1) })
    const newer = report({ learned: learned(NOW - 1), lastError: failed(NOW - 2) })
    for (const all of [
      [older, newer, report()],
      [report(), newer, older],
    ]) {
      expect(together(all, NOW)).toMatchObject({
        learned: learned(NOW - 1),
        lastError: failed(NOW - 1),
      })
    }
  })

  test('give the latest length of a call, of those that know one', () => {
    const { callLength: _, ...ofOlderVersion } = report({ at: NOW + 2 })
    const all = [
      report({ at: NOW - 1, callLength: 5 }),
      report({ callLength: 7 }),
      report({ at: NOW + 1 }),
      ofOlderVersion,
    ]
    expect(together(all, NOW).callLength).toBe(7)
  })
})

test('a number of calls at once that is found out by trial is as the workers say, and else as it begins', () => {
  const limits = { concurrency: 100, rate: null }
  const reported = together([report(), report()], NOW)
  expect(concurrencyInForce(limits, reported)).toBe(100)
  expect(concurrencyInForce({ ...limits, adaptiveFrom: 3 }, reported)).toBe(20)
  expect(concurrencyInForce({ ...limits, adaptiveFrom: 3 }, together([], NOW))).toBe(3)
})
