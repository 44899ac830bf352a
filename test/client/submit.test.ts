import { describe, expect, test } from 'vitest'
import {
  type IngestRequest,
  Sluice,
  SluiceError,
  SluiceUnreachable,
} from '../../src/client/index.ts'
import { retryDelayMs } from '../../src/client/retry.ts'
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

  test('sends the idempotency key, and none where none was given', async () => {
    await using fake = await FakeSluice.start()
    const sluice = new Sluice({ baseUrl: fake.url })
    await sluice.submit(REQUEST, { idempotencyKey: 'nightly' })
    await sluice.submit(REQUEST)
    expect(fake.received.map(({ headers }) => headers['idempotency-key'])).toEqual([
      'nightly',
      undefined,
    ])
  })

  test.each(['', 'two words', 'ü', 'line\nbreak', 'x'.repeat(256)])(
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

  test('sends only once what it does not know to be safe', async () => {
    await using fake = await FakeSluice.start()
    fake.answers.push(problem(500, 'internal-error', 'Sorry.'))
    await refusal(new Sluice({ baseUrl: fake.url }).submit(REQUEST))
    expect(fake.received).toHaveLength(1)
  })

  test('sends again, with the same key and body, what has a key', async () => {
    await using fake = await FakeSluice.start()
    fake.answers.push(problem(500, 'internal-error', 'Sorry.'))
    await new Sluice({ baseUrl: fake.url }).submit(REQUEST, { idempotencyKey: 'once' })
    const [first, second] = fake.received
    expect(fake.received).toHaveLength(2)
    expect(second?.body).toBe(first?.body)
    expect(second?.headers['idempotency-key']).toBe('once')
  })
})

describe('retryDelayMs', () => {
  const answered = (status: number, slug: string, retryAfterMs: number | null) =>
    new SluiceError({ type: `/problems/${slug}`, title: '', status, detail: '' }, retryAfterMs)
  const silent = new SluiceUnreachable('http://localhost', 'Nothing answers.', undefined)

  test.each([
    ['silence, no key', silent, 1, false, null],
    ['silence, key', silent, 1, true, 250],
    ['silence, key, third try', silent, 3, true, 1000],
    ['silence, key, fourth try', silent, 4, true, null],
    ['503 with Retry-After, no key', answered(503, 'draining', 2000), 1, false, 2000],
    ['503 with a long Retry-After', answered(503, 'draining', 60_000), 1, true, null],
    ['503 without Retry-After, no key', answered(503, 'draining', null), 1, false, null],
    ['500, key', answered(500, 'internal-error', null), 2, true, 500],
    ['still running, key', answered(409, 'idempotency-in-progress', null), 1, true, 250],
    ['bad input, key', answered(400, 'validation-failed', null), 1, true, null],
    ['a fault of our own, key', new Error('bug'), 1, true, null],
  ])('%s', (_, error, attempt, keyed, expected) => {
    expect(retryDelayMs(error, attempt, keyed)).toBe(expected)
  })
})

async function refusal(promise: Promise<unknown>): Promise<SluiceError> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  )
  if (error instanceof SluiceError) return error
  throw new Error(`expected a SluiceError, got ${error}`)
}
