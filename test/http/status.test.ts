/** What is told of a request that is under way, moment by moment. */
import { describe, expect, test } from 'vitest'
import { UNTOLD } from '../../src/core/callback.ts'
import type { ClosedGate } from '../../src/core/gate.ts'
import { NO_OVERRIDE } from '../../src/core/limits.ts'
import { NO_TERMS, type Request } from '../../src/core/request.ts'
import { statusOf } from '../../src/http/status.ts'
import type { Waiting } from '../../src/store/store.ts'
import { NOW, TENANT } from '../support/requests.ts'

/** Forty of a hundred are done, the last twenty of them in ten seconds. */
const UNDER_WAY: Request = {
  id: '01985a3c-6c1e-7d3a-9a55-0d6f1f0e8a11',
  ...{ tenant: TENANT, priority: 'MEDIUM', state: 'in_progress' },
  ...{ total: 100, completed: 40, failed: 0, cancelled: 0 },
  ...{ createdAt: NOW - 30_000, startedAt: NOW - 20_000, finishedAt: null },
  ...{ metadata: {}, terms: NO_TERMS, closing: null },
  pace: { at: NOW - 10_000, processed: 20 },
}

function told(changes: Partial<Request> = {}, waiting: readonly Waiting[] = []) {
  return statusOf({ ...UNDER_WAY, ...changes }, waiting, NOW, UNTOLD)
}

function waitingFor(system: string, gate: ClosedGate, paused = false): Waiting {
  return { system, gate, override: { ...NO_OVERRIDE, paused }, mappings: 3 }
}

function throttled(system: string, until: number): Waiting {
  return waitingFor(system, { state: 'throttled', until, reason: 'Answered 429.' })
}

const HELD: ClosedGate = { state: 'held', until: NOW + 1000, reason: 'Answered 401.' }

describe('the seconds that are left', () => {
  test('go by the pace of late, and are never too few', () => {
    expect(told().eta_seconds).toBe(30)
    expect(told({ pace: { at: NOW - 10_001, processed: 20 } }).eta_seconds).toBe(31)
  })

  test('are not over before every system that holds it up may be called', () => {
    const waiting = [throttled('erp', NOW + 90_000), throttled('crm', NOW + 40_000)]
    expect(told({}, waiting).eta_seconds).toBe(90)
    expect(told({}, waiting.toReversed()).eta_seconds).toBe(90)
    expect(told({}, [throttled('crm', NOW + 5000)]).eta_seconds).toBe(30)
  })

  test('are known to nobody where a gate opens nobody knows when', () => {
    const far = throttled('crm', NOW + 5000)
    for (const shut of [waitingFor('erp', HELD), waitingFor('erp', HELD, true)]) {
      expect(told({}, [far, shut]).eta_seconds).toBeNull()
    }
  })

  test('are known to nobody before there is a pace, and once nothing more starts', () => {
    expect(told({ pace: null }).eta_seconds).toBeNull()
    expect(told({ pace: { at: NOW - 10_000, processed: 40 } }).eta_seconds).toBeNull()
    expect(told({ closing: 'cancelled' }).eta_seconds).toBeNull()
  })
})

describe('what it waits for', () => {
  test('is told until its very moment has come', () => {
    const early = { state: 'pending', pace: null } as const
    const at = (notBefore: number) => told({ ...early, terms: { ...NO_TERMS, notBefore } }).details
    expect(at(NOW + 1)).toMatch(/^Waiting for its time/)
    expect(at(NOW)).toBeNull()
    expect(told({}, [throttled('crm', NOW + 1)]).waiting_on).toHaveLength(1)
    expect(told({}, [throttled('crm', NOW)]).waiting_on).toEqual([])
  })
})

describe('how it ended', () => {
  const ended = { state: 'failed', finishedAt: NOW, completed: 60 } as const

  test.each([
    [{ ...ended, completed: 100, state: 'completed' }, null],
    [{ ...ended, failed: 40 }, /^40 of 100 mappings failed; /],
    [{ ...ended, failed: 40, closing: 'expired' }, /^Its time was over before it was done\. 40 of/],
    [{ ...ended, completed: 100, state: 'completed', closing: 'expired' }, null],
    [{ ...ended, cancelled: 40, state: 'cancelled' }, /when 60 of 100 mappings were completed\.$/],
    [{ ...ended, cancelled: 30, failed: 10 }, /were completed and 10 had failed; /],
  ] as const)('is told in a sentence where there is something to tell: %o', (changes, details) => {
    if (details === null) expect(told(changes).details).toBeNull()
    else expect(told(changes).details).toMatch(details)
  })
})
