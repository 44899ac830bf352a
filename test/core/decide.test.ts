import { describe, expect, test } from 'vitest'
import { type AnswerPolicy, parseStatuses, USUAL_ANSWERS } from '../../src/core/answers.ts'
import { decide } from '../../src/core/decide.ts'
import { gateAfter, PROBE_EVERY_MS } from '../../src/core/gate.ts'
import type { Manner, Outcome } from '../../src/core/outcome.ts'
import { DEFAULT_RETRY, type RetryPolicy } from '../../src/core/retry.ts'
import type { Verdict } from '../../src/core/verdict.ts'
import { NOW } from '../support/requests.ts'

const RETRY: RetryPolicy = { attempts: 3, first: 1000, cap: 10_000 }
const HALF = () => 0.5
const LAST = RETRY.attempts

function judge(outcome: Outcome, attempts = 1, answers = USUAL_ANSWERS): Verdict {
  return decide(outcome, attempts, { retry: RETRY, answers }, NOW, HALF)
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
    expect(gateAfter(answer, USUAL_ANSWERS, NOW)).toEqual({
      state: 'throttled',
      until,
      reason: 'no',
    })
  })
})

describe('a system that refuses our credentials is held, and spends nothing', () => {
  test.each([401, 403, 407])('%i', (status) => {
    const until = NOW + PROBE_EVERY_MS
    const expected = { kind: 'snooze', runAt: until, error: error('target_unauthorized', status) }
    expect(judge(refused(status))).toEqual(expected)
    expect(judge(refused(status), LAST)).toEqual(expected)
    expect(gateAfter(refused(status), USUAL_ANSWERS, NOW)).toEqual({
      state: 'held',
      until,
      reason: 'no',
    })
  })
})

describe('a system that does not speak HTTP', () => {
  function declined(manner: Manner): Outcome {
    return { kind: 'declined', stage: 'write', manner, message: 'no' }
  }

  test('that refuses our credentials is held, and spends nothing', () => {
    const until = NOW + PROBE_EVERY_MS
    const expected = { kind: 'snooze', runAt: until, error: error('target_unauthorized', null) }
    expect(judge(declined('unauthorized'), LAST)).toEqual(expected)
    const gate = { state: 'held', until, reason: 'no' }
    expect(gateAfter(declined('unauthorized'), USUAL_ANSWERS, NOW)).toEqual(gate)
  })

  test('that cannot now is tried again, and fails with the last attempt', () => {
    const expected = error('target_unavailable', null)
    expect(judge(declined('unavailable'))).toMatchObject({ kind: 'retry', error: expected })
    expect(judge(declined('unavailable'), LAST)).toEqual({ kind: 'failed', error: expected })
    expect(gateAfter(declined('unavailable'), USUAL_ANSWERS, NOW)).toBeNull()
  })

  test('that will not have it fails it at once', () => {
    const expected = { kind: 'failed', error: error('target_rejected', null) }
    expect(judge(declined('rejected'))).toEqual(expected)
    expect(gateAfter(declined('rejected'), USUAL_ANSWERS, NOW)).toBeNull()
  })
})

describe('what cannot be called as it is set up is held, and spends nothing', () => {
  const facts = { stage: 'write', code: 'address_not_allowed', message: 'no' } as const
  const outcome: Outcome = { kind: 'misconfigured', ...facts }
  const until = NOW + PROBE_EVERY_MS

  test('until someone has mended it', () => {
    const expected = { kind: 'snooze', runAt: until, error: { ...facts, httpStatus: null } }
    expect(judge(outcome)).toEqual(expected)
    expect(judge(outcome, LAST)).toEqual(expected)
    expect(gateAfter(outcome, USUAL_ANSWERS, NOW)).toEqual({ state: 'held', until, reason: 'no' })
  })
})

describe('the lists of a system change what is done about a status', () => {
  const LISTS: AnswerPolicy = {
    failOn: [
      [501, 501],
      [429, 429],
    ],
    holdOn: [
      [402, 402],
      [500, 504],
    ],
    retryOn: [
      [400, 499],
      [501, 501],
    ],
  }

  test.each([
    [200, 'failed', null, 'target_rejected'],
    [404, 'retry', null, 'target_rejected'],
    [499, 'retry', null, 'target_rejected'],
    [401, 'retry', null, 'target_unauthorized'],
    [402, 'snooze', 'held', 'target_rejected'],
    [429, 'failed', null, 'target_throttled'],
    [500, 'snooze', 'held', 'target_unavailable'],
    [501, 'failed', null, 'target_unavailable'],
    [505, 'retry', null, 'target_unavailable'],
    [302, 'failed', null, 'target_rejected'],
  ])('%i: %s, gate %s, told as %s', (status, kind, state, code) => {
    const outcome = refused(status, 5000)
    expect(judge(outcome, 1, LISTS)).toMatchObject({ kind, error: { code, httpStatus: status } })
    expect(gateAfter(outcome, LISTS, NOW)?.state ?? null).toBe(state)
  })

  test('but not how many attempts there are', () => {
    expect(judge(refused(404), LAST, LISTS)).toMatchObject({ kind: 'failed' })
  })
})

test.each([
  [404, [404, 404]],
  ['404', [404, 404]],
  ['500-599', [500, 599]],
  ['599-500', null],
  ['500-', null],
  [99, null],
  [600, null],
  [404.5, null],
  ['5xx', null],
  [null, null],
])('the statuses %j are read as %j', (text, range) => {
  expect(parseStatuses([text])).toEqual(range && [range])
})

test('statuses are read one and all, or not at all', () => {
  expect(parseStatuses([404, '500-599'])).toEqual([
    [404, 404],
    [500, 599],
  ])
  expect(parseStatuses([404, '5xx'])).toBeNull()
  expect(parseStatuses(404)).toBeNull()
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
  for (const ending of endings) expect(gateAfter(ending, USUAL_ANSWERS, NOW)).toBeNull()
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
  const kinds = [1, 2, 3, 4, 5].map((attempts) => {
    const policy = { retry: DEFAULT_RETRY, answers: USUAL_ANSWERS }
    return decide(refused(500), attempts, policy, NOW, HALF).kind
  })
  expect(kinds).toEqual(['retry', 'retry', 'retry', 'retry', 'failed'])
})
