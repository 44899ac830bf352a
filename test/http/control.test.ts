/** What a caller may do to a request that is there: see why it failed, end it, try it again. */
import { describe, expect, test } from 'vitest'
import { EXPIRED } from '../../src/core/closed.ts'
import { unpack } from '../../src/core/packed.ts'
import { newId } from '../../src/lib/random.ts'
import { StoreUnavailable } from '../../src/store/store.ts'
import { allBatches, claimed, inserted, join, released, settled } from '../contract/steps.ts'
import {
  done,
  ERROR,
  LANE,
  NOW,
  newBatch,
  type RequestOptions,
  TENANT,
} from '../support/requests.ts'
import { type Changes, type Fixture, openServer } from './server.ts'

interface Sent {
  readonly body?: unknown
  readonly key?: string
  readonly headers?: Readonly<Record<string, string>>
}

async function call({ server }: Fixture, method: 'GET' | 'POST', url: string, sent: Sent = {}) {
  const { body, key } = sent
  const answer = await server.app.inject({
    method,
    url,
    headers: {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(key !== undefined && { 'idempotency-key': key }),
      ...sent.headers,
    },
    ...(body !== undefined && { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  return { status: answer.statusCode, headers: answer.headers, body: answer.json() }
}

const get = (fixture: Fixture, url: string) => call(fixture, 'GET', url)

function cancel(fixture: Fixture, id: string, sent?: Sent) {
  return call(fixture, 'POST', `/requests/${id}/cancel`, sent)
}

function retry(fixture: Fixture, id: string, sent?: Sent) {
  return call(fixture, 'POST', `/requests/${id}/retry`, sent)
}

/** A request of ten mappings, all settled, of which so many of the first five failed. */
async function finished({ store }: Fixture, failed: number, options: RequestOptions = {}) {
  await join(store)
  const request = await inserted(store, { total: 10, ...options })
  await released(store)
  const [first, second] = await claimed(store)
  if (first === undefined || second === undefined) throw new Error('ten mappings are two batches')
  await settled(store, [done(first, { failed }), done(second)])
  return request.id
}

/** The ids of a request's mappings, in order. */
async function mappingIds({ store }: Fixture, id: string): Promise<readonly string[]> {
  const batches = await allBatches(store, id)
  return batches.flatMap(({ mappings }) => unpack(mappings).ids)
}

/** For every route of one request: what is not there, and what is another tenant's. */
const UNKNOWN = ['nothing', newId(0), `${newId(0)}x`]

function problem(status: number, slug: string) {
  return { status, body: { type: `/problems/${slug}`, status } }
}

const UNFINISHED = conflict('The request is not finished.')
const NOTHING_TO_RETRY = conflict('no mapping that was taken failed in this way, or was cancelled')

function conflict(detail: string) {
  const { status, body } = problem(409, 'invalid-state')
  return { status, body: { ...body, detail: expect.stringContaining(detail) } }
}

describe('GET /status/{id}/failures', () => {
  test('gives one group for each way to fail', async () => {
    const fixture = await openServer()
    const id = await finished(fixture, 3)
    expect(await get(fixture, `/status/${id}/failures`)).toMatchObject({
      status: 200,
      body: [
        {
          target: LANE,
          code: ERROR.code,
          http_status: 422,
          message: ERROR.message,
          count: 3,
          sample_mapping_id: 'map_0',
        },
      ],
    })
  })

  test('is empty where nothing failed', async () => {
    const fixture = await openServer()
    const id = await finished(fixture, 0)
    expect((await get(fixture, `/status/${id}/failures`)).body).toEqual([])
  })

  test.each(UNKNOWN)('is a 404 for %s', async (id) => {
    const fixture = await openServer()
    const answer = await get(fixture, `/status/${id}/failures`)
    expect(answer).toMatchObject(problem(404, 'not-found'))
  })

  test('is a 404 for another tenant’s request', async () => {
    const fixture = await openServer()
    const id = await finished(fixture, 3, { tenant: 'acme' })
    expect((await get(fixture, `/status/${id}/failures`)).status).toBe(404)
  })
})

describe('POST /requests/{id}/cancel', () => {
  test('cancels what has not begun at once, and answers with the status', async () => {
    const fixture = await openServer()
    const { id } = await inserted(fixture.store, { total: 10 })
    const { status, body } = await cancel(fixture, id)
    expect(status).toBe(200)
    expect(body).toMatchObject({
      request_id: id,
      status: 'cancelled',
      progress: 100,
      processed_mappings: 10,
      cancelled_mappings: 10,
      details: 'It was cancelled when 0 of 10 mappings were completed.',
      started_at: null,
      finished_at: expect.any(String),
      eta_seconds: null,
    })
    expect(fixture.events).toMatchObject([
      { event: 'request_closed', request: id, closing: 'cancelled' },
      { event: 'request_finished', request: id, state: 'cancelled', total: 10, failed: 0 },
      { event: 'http_answered' },
    ])
  })

  test('lets what is in hand end, and says so', async () => {
    const fixture = await openServer()
    const { store } = fixture
    await join(store)
    const { id } = await inserted(store, { total: 10 })
    const [first] = await claimed(store, { mappings: 5 })
    if (first === undefined) throw new Error('one')
    await store.override(LANE, { paused: true })
    const cancelled = await cancel(fixture, id)
    expect(cancelled.body).toMatchObject({
      status: 'in_progress',
      progress: 50,
      cancelled_mappings: 5,
      details:
        'It is being cancelled: nothing more of it starts, and calls under way may still end.',
      eta_seconds: null,
      waiting_on: [],
    })
    await settled(store, [done(first, { failed: 2 })])
    expect((await get(fixture, `/status/${id}`)).body).toMatchObject({
      status: 'failed',
      details: `It was cancelled when 3 of 10 mappings were completed and 2 had failed; /status/${id}/results?status=failed tells why.`,
    })
  })

  test('again changes nothing, also when it has come to its end', async () => {
    const fixture = await openServer()
    const { id } = await inserted(fixture.store, { total: 10 })
    const first = await cancel(fixture, id)
    expect(await cancel(fixture, id)).toMatchObject({ status: 200, body: first.body })
    expect(fixture.events.filter(({ event }) => event === 'request_closed')).toHaveLength(1)
  })

  test('is a 409 for what is finished', async () => {
    const fixture = await openServer()
    const id = await finished(fixture, 1)
    const answer = await cancel(fixture, id)
    expect(answer).toMatchObject(problem(409, 'invalid-state'))
    expect((await get(fixture, `/status/${id}`)).body.status).toBe('failed')
  })

  test.each(UNKNOWN)('is a 404 for %s', async (id) => {
    expect(await cancel(await openServer(), id)).toMatchObject(problem(404, 'not-found'))
  })

  test('is a 404 for another tenant’s request, and changes nothing', async () => {
    const fixture = await openServer()
    const { id } = await inserted(fixture.store, { tenant: 'acme' })
    expect((await cancel(fixture, id)).status).toBe(404)
    expect(await fixture.store.request('acme', id)).toMatchObject({ closing: null })
  })

  test('takes an empty body for none, whatever it says it is', async () => {
    const fixture = await openServer()
    const { id } = await inserted(fixture.store)
    expect((await cancel(fixture, id, { body: '' })).status).toBe(200)
  })

  test('takes no body and no parameters', async () => {
    const fixture = await openServer()
    const { id } = await inserted(fixture.store)
    expect((await cancel(fixture, id, { body: {} })).status).toBe(400)
    const asked = await call(fixture, 'POST', `/requests/${id}/cancel?now=true`)
    expect(asked.status).toBe(400)
    expect(await fixture.store.request(TENANT, id)).toMatchObject({ closing: null })
  })

  test('says that the store does not answer', async () => {
    const away = async () => {
      throw new StoreUnavailable('it is away')
    }
    const fixture = await openServer({ wrap: (store) => ({ ...store, cancel: away }) })
    const answer = await cancel(fixture, newId(0))
    expect(answer).toMatchObject(problem(503, 'storage-unavailable'))
  })

  test('leaves results that tell what was not carried out', async () => {
    const fixture = await openServer()
    const { id } = await inserted(fixture.store, { total: 2 })
    await cancel(fixture, id)
    const { body } = await get(fixture, `/status/${id}/results?status=cancelled`)
    const cancelled = { status: 'cancelled', attempts: 0, error: null }
    expect(body.results).toMatchObject([
      { id: 'map_0', ...cancelled, finished_at: expect.any(String) },
      { id: 'map_1', ...cancelled, finished_at: expect.any(String) },
    ])
  })
})

describe('a request whose time is over', () => {
  test('says so while it ends, and when it has', async () => {
    const fixture = await openServer()
    const { store } = fixture
    await join(store)
    const expiresAt = Date.now() - 1
    const { id } = await inserted(store, { total: 10, terms: { expiresAt } })
    const [first] = await claimed(store, { mappings: 5 })
    if (first === undefined) throw new Error('one')
    await store.closeSome(Date.now())
    expect((await get(fixture, `/status/${id}`)).body).toMatchObject({
      status: 'in_progress',
      failed_mappings: 5,
      details: 'Its time is over: nothing more of it starts, and calls under way may still end.',
    })
    await settled(store, [done(first)])
    expect((await get(fixture, `/status/${id}`)).body).toMatchObject({
      status: 'failed',
      details: `Its time was over before it was done. 5 of 10 mappings failed; /status/${id}/results?status=failed tells why.`,
    })
    expect((await get(fixture, `/status/${id}/failures`)).body).toMatchObject([
      { code: 'expired', http_status: null, message: EXPIRED.message, count: 5 },
    ])
    const { body } = await get(fixture, `/status/${id}/results?status=failed`)
    expect(body.results[0].error).toMatchObject({ code: 'expired', stage: 'write', attempts: 0 })
  })
})

describe('POST /requests/{id}/retry', () => {
  test('makes a new request of what failed, with what the first was given', async () => {
    const fixture = await openServer()
    const terms = { callbackUrl: 'https://ops.example.com', notBefore: 1, expiresAt: 2 ** 45 }
    const options = { priority: 'HIGH', metadata: { run: '7' }, terms } as const
    const first = await finished(fixture, 3, options)
    const { status, headers, body } = await retry(fixture, first)
    expect({ status, body }).toEqual({
      status: 202,
      body: {
        request_id: expect.stringMatching(/^[\da-f-]{36}$/),
        status: 'pending',
        message: `Retry request created successfully. Follow it at /status/${body.request_id}`,
        total_mappings: 3,
        retry_of: first,
      },
    })
    expect(headers).toMatchObject({ location: `/status/${body.request_id}` })
    expect(await fixture.store.request(TENANT, body.request_id)).toMatchObject({
      total: 3,
      priority: 'HIGH',
      metadata: { run: '7' },
      terms: { ...terms, retryOf: first, notBefore: null, expiresAt: null },
    })
    expect(await mappingIds(fixture, body.request_id)).toEqual(['map_2', 'map_3', 'map_4'])
    expect((await get(fixture, `/status/${body.request_id}`)).body.retry_of).toBe(first)
    expect(fixture.events).toContainEqual(
      expect.objectContaining({ event: 'request_accepted', request: body.request_id, mappings: 3 }),
    )
    expect((await get(fixture, `/status/${first}`)).body.status).toBe('failed')
  })

  test('carries over each mapping as it came', async () => {
    const fixture = await openServer()
    const mappings = [
      { id: 'a', source: 's', target: 't', transformation: { x: '{% id %}' } },
      { id: 'b', source: 's', target: 'u', data: { deep: [1, null, { é: '👩‍👧' }] } },
      { id: 'c', source: 'r', target: 't' },
    ]
    const sent = await call(fixture, 'POST', '/ingest', { body: { mappings } })
    await cancel(fixture, sent.body.request_id)
    const { body } = await retry(fixture, sent.body.request_id)
    const results = await get(fixture, `/status/${body.request_id}/results`)
    expect(results.body.results).toMatchObject(
      mappings.map(({ id, source, target }) => ({ id, source, target })),
    )
    const [first] = await allBatches(fixture.store, sent.body.request_id)
    const [again] = await allBatches(fixture.store, body.request_id)
    expect(again?.mappings).toBe(first?.mappings)
  })

  test('takes what was cancelled as well, in the order of the first', async () => {
    const fixture = await openServer()
    const { store } = fixture
    await join(store)
    const batches = [newBatch([0, 2, 4, 6]), newBatch([1, 3, 5, 7], { lane: 'erp' })]
    const { id } = await inserted(store, { batches })
    const [crm] = await claimed(store)
    if (crm === undefined) throw new Error('one')
    await cancel(fixture, id)
    await settled(store, [done(crm, { failed: 2 })])
    const { body } = await retry(fixture, id)
    const results = await get(fixture, `/status/${body.request_id}/results`)
    const ids = results.body.results.map((result: { id: string }) => result.id)
    expect(ids).toEqual(['map_1', 'map_3', 'map_4', 'map_5', 'map_6', 'map_7'])
  })

  test.each([
    [{ code: 'late' }, ['map_0', 'map_5']],
    [{ target: 'erp' }, ['map_4', 'map_5', 'map_6']],
    [{ code: 'late', target: 'erp' }, ['map_5']],
    [{}, ['map_0', 'map_1', 'map_4', 'map_5', 'map_6']],
    ['', ['map_0', 'map_1', 'map_4', 'map_5', 'map_6']],
  ])('is narrowed by %j', async (body, ids) => {
    const fixture = await openServer()
    const id = await mixed(fixture)
    const answer = await retry(fixture, id, { body })
    expect(answer.status).toBe(202)
    const results = await get(fixture, `/status/${answer.body.request_id}/results`)
    expect(results.body.results.map((result: { id: string }) => result.id)).toEqual(ids)
  })

  test('is narrowed by a code as its group has it, however long', async () => {
    const fixture = await openServer()
    const id = await failedWith(fixture, ['x'.repeat(200), 'late'])
    const { body } = await retry(fixture, id, { body: { code: 'x'.repeat(128) } })
    expect(await mappingIds(fixture, body.request_id)).toEqual(['map_0'])
  })

  test('leaves out what never was a mapping', async () => {
    const fixture = await openServer()
    const id = await failedWith(fixture, ['invalid_mapping', 'late', 'invalid_mapping'])
    const { body } = await retry(fixture, id)
    expect(await mappingIds(fixture, body.request_id)).toEqual(['map_1'])
    const other = await openServer()
    const none = await failedWith(other, ['invalid_mapping'])
    expect(await retry(other, none)).toMatchObject(NOTHING_TO_RETRY)
  })

  test('may be tried again in turn', async () => {
    const fixture = await openServer()
    const first = await failedWith(fixture, ['late', 'late'])
    const second = (await retry(fixture, first)).body.request_id
    await cancel(fixture, second)
    const third = (await retry(fixture, second)).body
    expect(third).toMatchObject({ total_mappings: 2, retry_of: second })
  })

  test('is a 409 while the first is carried out, and where there is nothing to try again', async () => {
    const fixture = await openServer()
    const completed = await finished(fixture, 0)
    expect(await retry(fixture, completed)).toMatchObject(NOTHING_TO_RETRY)
    const failed = await finished(fixture, 2)
    const other = await retry(fixture, failed, { body: { code: 'late' } })
    expect(other).toMatchObject(NOTHING_TO_RETRY)
    const elsewhere = await retry(fixture, failed, { body: { target: 'erp' } })
    expect(elsewhere).toMatchObject(NOTHING_TO_RETRY)
    const { id } = await inserted(fixture.store)
    expect(await retry(fixture, id)).toMatchObject(UNFINISHED)
    expect((await get(fixture, '/requests')).body.requests).toHaveLength(3)
  })

  test.each(UNKNOWN)('is a 404 for %s', async (id) => {
    expect(await retry(await openServer(), id)).toMatchObject(problem(404, 'not-found'))
  })

  test('is a 404 for another tenant’s request', async () => {
    const fixture = await openServer()
    const id = await finished(fixture, 3, { tenant: 'acme' })
    expect((await retry(fixture, id)).status).toBe(404)
  })

  test.each([
    ['[]', '#', 'invalid_type', 'validation-failed'],
    ['{', '#', 'malformed_json', 'malformed-json'],
    ['{"code":1}', '#/code', 'invalid_type', 'validation-failed'],
    ['{"code":""}', '#/code', 'invalid_value', 'validation-failed'],
    ['{"target":null}', '#/target', 'invalid_type', 'validation-failed'],
    [`{"target":"${'x'.repeat(129)}"}`, '#/target', 'invalid_value', 'validation-failed'],
    ['{"codes":"late"}', '#/codes', 'unknown_property', 'unknown-property'],
    ['{"code":"late","code":"lost"}', '#/code', 'duplicate_key', 'validation-failed'],
  ])('refuses %s, and changes nothing', async (body, pointer, code, slug) => {
    const fixture = await openServer()
    const id = await finished(fixture, 2)
    const answer = await retry(fixture, id, { body })
    expect(answer).toMatchObject(problem(400, slug))
    expect(answer.body.errors).toContainEqual(expect.objectContaining({ pointer, code }))
    expect((await fixture.store.totals()).activeRequests).toBe(0)
  })

  test('refuses a body that is not JSON, or too large, and a key that is none', async () => {
    const fixture = await openServer()
    const id = await finished(fixture, 2)
    const plain = { body: 'code=late', headers: { 'content-type': 'text/plain' } }
    expect(await retry(fixture, id, plain)).toMatchObject(problem(415, 'unsupported-media-type'))
    const large = { body: `{"code":"${'x'.repeat(70_000)}"}` }
    expect(await retry(fixture, id, large)).toMatchObject(problem(413, 'body-too-large'))
    const key = await retry(fixture, id, { key: 'a key' })
    expect(key).toMatchObject(problem(400, 'validation-failed'))
  })

  test('is turned away while too much is open', async () => {
    const fixture = await openServer({ limits: { maxBacklog: 5 } })
    const id = await finished(fixture, 5)
    await inserted(fixture.store, { total: 5 })
    await retry(fixture, newId(0))
    expect(await retry(fixture, id)).toMatchObject(problem(503, 'overloaded'))
  })

  test('names the systems that the systems file no longer has', async () => {
    const fixture = await openServer(configuredWith('source'))
    const id = await finished(fixture, 2)
    const answer = await retry(fixture, id)
    expect(answer).toMatchObject(problem(400, 'unknown-system'))
    expect(answer.body.errors[0].detail).toContain('It needs the system "crm".')
    expect((await fixture.store.totals()).activeRequests).toBe(0)
  })

  test('needs no source for what brought its own record', async () => {
    const fixture = await openServer(configuredWith('crm'))
    const mappings = [{ id: 'a', source: 'gone', target: 'crm', data: null }]
    const sent = await call(fixture, 'POST', '/ingest', { body: { mappings } })
    await cancel(fixture, sent.body.request_id)
    expect(await retry(fixture, sent.body.request_id)).toMatchObject({ status: 202 })
  })

  test('gives the first answer again to the same key, and refuses it to another retry', async () => {
    const fixture = await openServer()
    const id = await failedWith(fixture, ['late', 'lost'])
    const first = await retry(fixture, id, { key: 'k' })
    const again = await retry(fixture, id, { key: '"k"', body: {} })
    expect(again).toMatchObject({ status: 202, body: first.body })
    expect(again.headers).toMatchObject({ 'idempotency-replayed': 'true' })
    for (const body of [{ code: 'late' }, { target: LANE }]) {
      const other = await retry(fixture, id, { key: 'k', body })
      expect(other).toMatchObject(problem(422, 'idempotency-key-reused'))
    }
    expect((await fixture.store.totals()).activeRequests).toBe(1)
  })

  test.each([
    ['small', 10],
    ['large', 12_000],
  ])('of fifty at once with one key, of a %s request, makes one', async (_, total) => {
    const fixture = await openServer()
    const { id } = await inserted(fixture.store, { total, batchSize: 500 })
    await cancel(fixture, id)
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => retry(fixture, id, { key: 'k' })),
    )
    expect((await fixture.store.totals()).activeRequests).toBe(1)
    const made = answers.filter(({ status }) => status === 202)
    expect(new Set(made.map(({ body }) => body.request_id)).size).toBe(1)
    expect(made.filter(({ headers }) => !('idempotency-replayed' in headers))).toHaveLength(1)
    for (const answer of answers) {
      if (answer.status !== 202) {
        expect(answer).toMatchObject(problem(409, 'idempotency-in-progress'))
      }
    }
    expect((await retry(fixture, id, { key: 'k' })).body).toEqual(made[0]?.body)
  })
})

describe('a retry of a large request', () => {
  const TOTAL = 23_456

  test('is there whole, in order, in batches that fit its size', async () => {
    const fixture = await openServer()
    const { store } = fixture
    const { id } = await inserted(store, { total: TOTAL, batchSize: 400 })
    await cancel(fixture, id)
    const { status, body } = await retry(fixture, id)
    expect([status, body.total_mappings]).toEqual([202, TOTAL])
    expect(await mappingIds(fixture, body.request_id)).toEqual(
      Array.from({ length: TOTAL }, (_, ordinal) => `map_${ordinal}`),
    )
    const found = await store.request(TENANT, body.request_id)
    expect(found).toMatchObject({ total: TOTAL, state: 'pending', terms: { retryOf: id } })
    expect((await store.totals()).openMappings).toBe(TOTAL)
  })

  test('leaves nothing, and frees its key, where it does not come to its end', async () => {
    let pieces = 0
    const fixture = await openServer({
      wrap: (store) => ({
        ...store,
        stage: async (...given) => {
          pieces += 1
          if (pieces === 2) throw new StoreUnavailable('it is away')
          return store.stage(...given)
        },
      }),
    })
    const { id } = await inserted(fixture.store, { total: TOTAL, batchSize: 400 })
    await cancel(fixture, id)
    const broken = await retry(fixture, id, { key: 'k' })
    expect(broken).toMatchObject(problem(503, 'storage-unavailable'))
    expect((await fixture.store.totals()).activeRequests).toBe(0)
    expect((await get(fixture, '/requests')).body.requests).toHaveLength(1)
    expect((await retry(fixture, id, { key: 'k' })).status).toBe(202)
  })

  test('is not made of a part of a request that is deleted meanwhile', async () => {
    const fixture = await openServer({
      wrap: (store) => ({
        ...store,
        batches: async (...given) => {
          const some = await store.batches(...given)
          await store.deleteOld(NOW, Number.MAX_SAFE_INTEGER)
          return some
        },
      }),
    })
    const { id } = await inserted(fixture.store, { total: TOTAL, batchSize: 400 })
    await cancel(fixture, id)
    expect(await retry(fixture, id)).toMatchObject(problem(404, 'not-found'))
    expect((await fixture.store.totals()).activeRequests).toBe(0)
  })

  test('is nowhere where one of its systems is gone', async () => {
    const fixture = await openServer(configuredWith('source', LANE))
    const ordinals = Array.from({ length: 12_000 }, (_, ordinal) => ordinal)
    const known = Array.from({ length: 24 }, (_, n) =>
      newBatch(ordinals.slice(n * 500, (n + 1) * 500)),
    )
    const batches = [...known, newBatch([12_000], { lane: 'gone' })]
    const { id } = await inserted(fixture.store, { batches })
    await cancel(fixture, id)
    expect(await retry(fixture, id)).toMatchObject(problem(400, 'unknown-system'))
    expect((await fixture.store.totals()).activeRequests).toBe(0)
    expect((await retry(fixture, id, { body: { target: LANE } })).status).toBe(202)
  })

  test('never holds the event loop for long', async () => {
    const fixture = await openServer()
    const { id } = await inserted(fixture.store, { total: TOTAL, batchSize: 500 })
    await cancel(fixture, id)
    let turns = 0
    let isDone = false
    const count = () => {
      turns++
      if (!isDone) setImmediate(count)
    }
    setImmediate(count)
    await retry(fixture, id)
    isDone = true
    expect(turns).toBeGreaterThanOrEqual(TOTAL / 500)
  })
})

/** A request whose mappings, all for one target, failed with these codes. */
async function failedWith({ store }: Fixture, codes: readonly string[]): Promise<string> {
  await join(store)
  const request = await inserted(store, { total: codes.length })
  const [batch] = await claimed(store)
  if (batch === undefined) throw new Error('one')
  const failed = codes.map((code) => ['failed', 1, 0, 1, { ...ERROR, code }])
  const settlement = { ...done(batch, { failed: codes.length }), verdicts: JSON.stringify(failed) }
  await settled(store, [settlement])
  return request.id
}

/** One whose mappings for two targets are completed, failed in several ways, or cancelled. */
async function mixed(fixture: Fixture): Promise<string> {
  const { store } = fixture
  await join(store)
  const batches = [newBatch([0, 1, 2, 3]), newBatch([4, 5], { lane: 'erp' })]
  const { id } = await inserted(store, { batches: [...batches, newBatch([6], { lane: 'erp' })] })
  const failed = (code: string) => ['failed', 1, 0, 1, { ...ERROR, code }]
  const completed = ['completed', 1, 0, 1, {}]
  const [crm] = await claimed(store)
  const [erp] = await claimed(store, { lane: 'erp', mappings: 2 })
  if (crm === undefined || erp === undefined) throw new Error('two')
  await cancel(fixture, id)
  await settled(store, [
    {
      ...done(crm, { failed: 2 }),
      verdicts: JSON.stringify([failed('late'), failed('lost'), completed, completed]),
    },
    { ...done(erp, { failed: 2 }), verdicts: JSON.stringify([failed('lost'), failed('late')]) },
  ])
  return id
}

/** A server that knows these systems, and no other. */
function configuredWith(...names: readonly string[]): Changes {
  const has = (name: string) => names.includes(name)
  return { systems: { mode: 'configured', has, reads: () => false, names } }
}
