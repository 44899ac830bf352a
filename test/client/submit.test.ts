import { describe, expect, test } from 'vitest'
import { refusalOf } from '../../src/client/answer.ts'
import {
  type IngestRequest,
  Sluice,
  SluiceError,
  SluiceUnreachable,
} from '../../src/client/index.ts'
import { repeatDelayMs } from '../../src/client/repeat.ts'
import { FakeSluice, problem } from './fake.ts'

const REQUEST: IngestRequest = {
  mappings: [{ id: 'a', source: 'shop', target: 'crm', transformation: { field: 'value' } }],
  priority: 'HIGH',
}

describe('submit', () => {
  test('hands the request over and gives its receipt', async () => {
    await using fake = await FakeSluice.start()
    const receipt = await new Sluice({ baseUrl: fake.url }).submit(REQUEST)
    expect(receipt).toMatchObject({ request_id: 'request-1', status: 'pending', total_mappings: 1 })
    expect(fake.received).toHaveLength(1)
    expect(fake.received[0]).toMatchObject({ method: 'POST', path: '/ingest' })
    expect(fake.received[0]?.headers).toMatchObject({ 'content-type': 'application/json' })
    expect(JSON.parse(fake.received[0]?.body ?? '')).toEqual(REQUEST)
  })

  test('sends text as it is, so that no number in it is rounded', async () => {
    await using fake = await FakeSluice.start()
    const text = '{"mappings": [{"id":"a","source":"s","target":"t","data":12345678901234567890}]}'
    await new Sluice({ baseUrl: fake.url }).submit(text)
    expect(fake.received[0]?.body).toBe(text)
  })

  test('sends the idempotency key, and one of its own where none was given', async () => {
    await using fake = await FakeSluice.start()
    const sluice = new Sluice({ baseUrl: fake.url })
    await sluice.submit(REQUEST, { idempotencyKey: 'nightly' })
    await sluice.submit(REQUEST)
    await sluice.submit(REQUEST)
    const [given, own, other] = fake.received.map(({ headers }) => headers['idempotency-key'])
    expect(given).toBe('nightly')
    expect(own).toMatch(/^[\da-f]{32}$/)
    expect(other).not.toBe(own)
  })

  test.each(['', 'two words', 'ü', 'line\nbreak', 'a"quote', 'x'.repeat(256)])(
    'takes no idempotency key like %j',
    async (idempotencyKey) => {
      const sluice = new Sluice({ baseUrl: 'http://127.0.0.1:1' })
      await expect(sluice.submit(REQUEST, { idempotencyKey })).rejects.toThrow('1 to 255 visible')
    },
  )

  test('tells what was wrong with the input, and where', async () => {
    await using fake = await FakeSluice.start()
    const errors = [
      { pointer: '#/mappings/0/id', code: 'required', detail: 'Give it an id.', line: 4 },
      { pointer: '#/priority', code: 'enum', detail: 'Use HIGH, MEDIUM or LOW.' },
    ]
    fake.answers.push(problem(400, 'validation-failed', 'The request is not valid.', { errors }))
    const error = await refusal(new Sluice({ baseUrl: fake.url }).submit(REQUEST))
    expect(error).toMatchObject({
      type: '/problems/validation-failed',
      status: 400,
      detail: 'The request is not valid.',
      instance: 'answer-1',
      errors,
    })
    expect(error.message).toBe(
      'The request is not valid.\n' +
        '  #/mappings/0/id (line 4): Give it an id.\n' +
        '  #/priority: Use HIGH, MEDIUM or LOW.',
    )
  })

  test('tells ten of many errors, and how many more there are', async () => {
    await using fake = await FakeSluice.start()
    const errors = Array.from({ length: 13 }, (_, index) => ({
      pointer: `#/mappings/${index}`,
      code: 'x',
      detail: 'Mend it.',
    }))
    fake.answers.push(problem(400, 'validation-failed', 'No.', { errors }))
    const error = await refusal(new Sluice({ baseUrl: fake.url }).submit(REQUEST))
    expect(error.errors).toHaveLength(13)
    expect(error.message.split('\n')).toHaveLength(12)
    expect(error.message).toMatch(/… and 3 more$/)
  })
})

describe('validate', () => {
  test('has the request rehearsed, under no key but one that is given', async () => {
    await using fake = await FakeSluice.start()
    fake.answers.push({ status: 200, body: { total_mappings: 1 } })
    const sluice = new Sluice({ baseUrl: fake.url })
    expect(await sluice.validate(REQUEST, { onInvalid: 'skip' })).toEqual({ total_mappings: 1 })
    fake.answers.push({ status: 200, body: {} })
    await sluice.validate(REQUEST, { idempotencyKey: 'a' })
    const [received, keyed] = fake.received
    expect(keyed?.headers['idempotency-key']).toBe('a')
    expect(received?.query).toEqual({ validate_only: 'true', on_invalid: 'skip' })
    expect(received?.headers).not.toHaveProperty('idempotency-key')
    expect(JSON.parse(received?.body ?? '')).toEqual(REQUEST)
  })

  test('does so of a stream, whose options are in the address', async () => {
    await using fake = await FakeSluice.start()
    fake.answers.push(
      ...[{ status: 200, body: { total_mappings: 1 } }, problem(503, 'overloaded', 'Busy.')],
      { status: 200, body: {} },
    )
    const sluice = new Sluice({ baseUrl: fake.url })
    const options = { priority: 'LOW', onInvalid: 'skip' } as const
    expect(await sluice.validateStream(REQUEST.mappings, options)).toEqual({ total_mappings: 1 })
    await sluice.validateStream(new Blob(['id,source,target\n']), { format: 'csv' })
    const [received, busy, again] = fake.received
    expect(received?.query).toEqual({ validate_only: 'true', priority: 'LOW', on_invalid: 'skip' })
    expect(received?.headers['content-type']).toBe('application/x-ndjson')
    expect(again?.headers['content-type']).toBe('text/csv')
    for (const each of [received, busy, again]) {
      expect(each?.query['validate_only']).toBe('true')
      expect(each?.headers).not.toHaveProperty('idempotency-key')
    }
  })
})

describe('submit, when the first try fails', () => {
  const busy = problem(503, 'overloaded', 'Busy.', { headers: { 'retry-after': '0' } })

  test('sends again after a 503 with Retry-After: nothing was taken', async () => {
    await using fake = await FakeSluice.start()
    fake.answers.push(busy, busy)
    const receipt = await new Sluice({ baseUrl: fake.url }).submit(REQUEST)
    expect(receipt.request_id).toBe('request-1')
    expect(fake.received).toHaveLength(3)
  })

  test('gives up after four tries', async () => {
    await using fake = await FakeSluice.start()
    fake.answers.push(busy, busy, busy, busy, busy)
    const error = await refusal(new Sluice({ baseUrl: fake.url }).submit(REQUEST))
    expect(error).toMatchObject({ status: 503, retryAfterMs: 0 })
    expect(fake.received).toHaveLength(4)
  })

  test('sends again, with the same key and body, where it may have been taken', async () => {
    await using fake = await FakeSluice.start()
    fake.answers.push(problem(500, 'internal-error', 'Sorry.'))
    await new Sluice({ baseUrl: fake.url }).submit(REQUEST)
    const [first, second] = fake.received
    expect(fake.received).toHaveLength(2)
    expect(second?.body).toBe(first?.body)
    expect(second?.headers['idempotency-key']).toBe(first?.headers['idempotency-key'])
  })

  test('does not send again what was refused', async () => {
    await using fake = await FakeSluice.start()
    fake.answers.push(problem(400, 'validation-failed', 'Mend it.'))
    await refusal(new Sluice({ baseUrl: fake.url }).submit(REQUEST))
    expect(fake.received).toHaveLength(1)
  })

  test('ends with its signal, and sends no more', async () => {
    await using fake = await FakeSluice.start()
    const interruption = new AbortController()
    fake.answers.push(problem(503, 'draining', 'Later.', { headers: { 'retry-after': '9' } }))
    fake.onReceived = () => interruption.abort(new Error('enough'))
    const { signal } = interruption
    const submitting = new Sluice({ baseUrl: fake.url }).submit(REQUEST, { signal })
    await expect(submitting).rejects.toThrow('enough')
    expect(fake.received).toHaveLength(1)
  })
})

describe('repeatDelayMs', () => {
  const answered = (status: number, slug: string, retryAfterMs: number | null) =>
    new SluiceError({ type: `/problems/${slug}`, title: '', status, detail: '' }, retryAfterMs)
  const silent = new SluiceUnreachable('http://localhost', 'Nothing answers.', {
    mayHaveArrived: false,
  })

  test.each([
    ['silence', silent, 1, 250],
    ['silence, third try', silent, 3, 1000],
    ['silence, fourth try', silent, 4, null],
    ['503 with Retry-After', answered(503, 'draining', 2000), 1, 2000],
    ['503 with the longest Retry-After', answered(503, 'draining', 10_000), 1, 10_000],
    ['503 with one that is longer', answered(503, 'draining', 11_000), 1, null],
    ['503 without Retry-After', answered(503, 'draining', null), 1, 250],
    ['429 with Retry-After', answered(429, 'rate-limited', 3000), 2, 3000],
    ['500', answered(500, 'internal-error', null), 2, 500],
    ['still running', answered(409, 'idempotency-in-progress', null), 1, 250],
    ['bad input', answered(400, 'validation-failed', null), 1, null],
    ['a fault of our own', new Error('bug'), 1, null],
  ])('%s', (_, error, attempt, expected) => {
    expect(repeatDelayMs(error, attempt)).toBe(expected)
  })
})

test.each([
  ['7', 7000],
  ['3600', 3_600_000],
  ['1234567', null],
  ['1.5', null],
  ['-1', null],
  ['Wed, 21 Oct 2026 07:28:00 GMT', null],
  ['', null],
])('Retry-After is read as whole seconds: %s', (text, retryAfterMs) => {
  const answer = new Response(null, { status: 503, headers: { 'retry-after': text } })
  expect(refusalOf(answer, 'http://localhost', undefined)).toMatchObject({ retryAfterMs })
})

async function refusal(promise: Promise<unknown>): Promise<SluiceError> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  )
  if (error instanceof SluiceError) return error
  throw new Error(`expected a SluiceError, got ${error}`)
}
