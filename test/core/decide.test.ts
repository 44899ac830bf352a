import { describe, expect, test } from 'vitest'
import { decide } from '../../src/core/decide.ts'
import { gateAfter, PROBE_EVERY_MS } from '../../src/core/gate.ts'
import type { Outcome } from '../../src/core/outcome.ts'
import { DEFAULT_RETRY, type RetryPolicy } from '../../src/core/retry.ts'
import type { Verdict } from '../../src/core/verdict.ts'
import { NOW } from '../support/requests.ts'

const POLICY: RetryPolicy = { attempts: 3, first: 1000, cap: 10_000 }
const HALF = () => 0.5
const LAST = POLICY.attempts

function judge(outcome: Outcome, attempts = 1): Verdict {
  return decide(outcome, attempts, POLICY, NOW, HALF)
}

function refused(httpStatus: number, retryAfter: number | null = null): Outcome {
  return { kind: 'refused', stage: 'write', httpStatus, retryAfter, message: 'no' }
}

function error(code: string, httpStatus: number | null) {
  return { code, message: 'no', stage: 'write', httpStatus }
}

test('what was delivered is completed, with what the target answered', () => {
  const result = { id: 7 }
  expect(judge({ kind: 'delivered', result })).toEqual({ kind: 'completed', result })
})

describe('an answer that asks for patience is tried again, and fails with the last attempt', () => {
  test.each([408, 425, 500, 501, 502, 503, 504, 599])('%i', (status) => {
    const expected = error('target_unavailable', status)
    expect(judge(refused(status))).toEqual({ kind: 'retry', runAt: NOW + 500, error: expected })
    expect(judge(refused(status), 2)).toMatchObject({ kind: 'retry', runAt: NOW + 1000 })
    expect(judge(refused(status), LAST)).toEqual({ kind: 'failed', error: expected })
  })
})

describe('no answer is tried again, and fails with the last attempt', () => {
  test.each(['timeout', 'connection_failed', 'invalid_response'] as const)('%s', (code) => {
    const outcome: Outcome = { kind: 'unanswered', stage: 'write', code, message: 'no' }
    const expected = error(code, null)
    expect(judge(outcome)).toEqual({ kind: 'retry', runAt: NOW + 500, error: expected })
    expect(judge(outcome, LAST)).toEqual({ kind: 'failed', error: expected })
  })
})

describe('an answer that says never fails at once', () => {
  test.each([300, 301, 302, 307, 400, 402, 404, 405, 409, 410, 413, 422, 451])('%i', (status) => {
    const expected = { kind: 'failed', error: error('target_rejected', status) }
    expect(judge(refused(status))).toEqual(expected)
    expect(judge(refused(status, 5000))).toEqual(expected)
  })
})

describe('a system that asks to be left alone closes its gate, and spends nothing', () => {
  test.each([
    { status: 429, retryAfter: 5000, wait: 5000, code: 'target_throttled' },
    { status: 429, retryAfter: null, wait: 1000, code: 'target_throttled' },
    { status: 503, retryAfter: 5000, wait: 5000, code: 'target_unavailable' },
    { status: 503, retryAfter: 0, wait: 1000, code: 'target_unavailable' },
    { status: 429, retryAfter: 1e15, wait: 3_600_000, code: 'target_throttled' },
  ])('$status after $retryAfter', ({ status, retryAfter, wait, code }) => {
    const until = NOW + wait
    const answer = refused(status, retryAfter)
    const expected = { kind: 'snooze', runAt: until, error: error(code, status) }
    expect(judge(answer)).toEqual(expected)
    expect(judge(answer, LAST)).toEqual(expected)
    expect(gateAfter(answer, NOW)).toEqual({ state: 'throttled', until, reason: 'no' })
  })
})

describe('a system that refuses our credentials is held, and spends nothing', () => {
  test.each([401, 403, 407])('%i', (status) => {
    const until = NOW + PROBE_EVERY_MS
    const expected = { kind: 'snooze', runAt: until, error: error('target_unauthorized', status) }
    expect(judge(refused(status))).toEqual(expected)
    expect(judge(refused(status), LAST)).toEqual(expected)
    expect(gateAfter(refused(status), NOW)).toEqual({ state: 'held', until, reason: 'no' })
  })
})

test('any other ending closes no gate', () => {
  const endings: readonly Outcome[] = [
    { kind: 'delivered', result: {} },
    { kind: 'interrupted' },
    { kind: 'unanswered', stage: 'write', code: 'timeout', message: 'no' },
    { kind: 'impossible', stage: 'transform', code: 'too_large', message: 'no' },
    refused(404),
    refused(500),
    refused(503),
  ]
  for (const ending of endings) expect(gateAfter(ending, NOW)).toBeNull()
})

test('what cannot be tried as it is fails at once, in the step that says so', () => {
  const facts = { stage: 'transform', code: 'too_large', message: 'no' } as const
  const expected = { kind: 'failed', error: { ...facts, httpStatus: null } }
  expect(judge({ kind: 'impossible', ...facts })).toEqual(expected)
})

test('what we stopped ourselves is free to start again, unblamed', () => {
  const expected = { kind: 'snooze', runAt: NOW, error: null }
  expect(judge({ kind: 'interrupted' }, LAST)).toEqual(expected)
})

test('a refusal of the read is told as the source’s', () => {
  const outcome = { ...refused(404), stage: 'read' } as const
  const expected = { code: 'source_rejected', stage: 'read' }
  expect(judge(outcome)).toMatchObject({ error: expected })
})

test('the default policy tries five times', () => {
  const kinds = [1, 2, 3, 4, 5].map(
    (attempts) => decide(refused(500), attempts, DEFAULT_RETRY, NOW, HALF).kind,
  )
  expect(kinds).toEqual(['retry', 'retry', 'retry', 'retry', 'failed'])
})
