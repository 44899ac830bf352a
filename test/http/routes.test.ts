import { describe, expect, test } from 'vitest'
import { addFailure, type FailureRun } from '../../src/core/failures.ts'
import { unpack } from '../../src/core/packed.ts'
import type { Standing } from '../../src/core/verdict.ts'
import { type Clock, systemClock } from '../../src/lib/clock.ts'
import { type Store, StoreUnavailable } from '../../src/store/store.ts'
import { opened } from '../contract/steps.ts'
import { NOW, newRequest } from '../support/requests.ts'
import { type Fixture, mapping, openServer } from './server.ts'

async function post({ server }: Fixture, body: object, headers: object = {}) {
  const payload = JSON.stringify(body)
  const answer = await server.app.inject({
    method: 'POST',
    url: '/ingest',
    headers: { 'content-type': 'application/json', ...headers },
    payload,
  })
  return { status: answer.statusCode, headers: answer.headers, body: answer.json() }
}

async function get({ server }: Fixture, url: string) {
  const answer = await server.app.inject({ url })
  return { status: answer.statusCode, headers: answer.headers, body: answer.json() }
}

function mappings(count: number, changes: (index: number) => object = () => ({})): object[] {
  return Array.from({ length: count }, (_, index) =>
    mapping({ id: `m${index}`, ...changes(index) }),
  )
}

/** Claims all there is in a lane and settles every mapping as `standingOf` says. */
async function settleAll(store: Store, lane: string, standingOf: (id: string) => Standing) {
  await store.join({ id: 'w', host: 'here' }, Number.MAX_SAFE_INTEGER)
  const want = { lane, mappings: 1_000_000, below: null, turn: 0 }
  const { batches } = await store.claim('w', [want], 1000)
  const settlements = batches.map(({ id, token, mappings, callback }) => {
    const standings = unpack(mappings).ids.map(standingOf)
    const count = (state: string) => standings.filter(([status]) => status === state).length
    const failures: FailureRun[] = []
    for (const [position, standing] of standings.entries()) {
      const id = unpack(mappings).ids[position] ?? ''
      if (standing[0] === 'failed') addFailure(failures, id, standing[4])
    }
    return {
      batch: id,
      token,
      verdicts: JSON.stringify(standings),
      completed: count('completed'),
      failed: count('failed'),
      cancelled: 0,
      failures,
      callback,
      next: { state: 'done' } as const,
    }
  })
  await store.settle(settlements, 2000)
}

/** What every call to a store that is away comes to. */
async function unavailable(): Promise<never> {
  throw new StoreUnavailable('disk full')
}

const COMPLETED: Standing = ['completed', 1, 2000, 48, { ok: true }]
const FAILED: Standing = [
  'failed',
  5,
  2000,
  48,
  { code: 'target_rejected', message: 'no', stage: 'write', httpStatus: 422 },
]

/** A timer for which all time is over at once. */
function immediately(_: number, callback: () => void): () => void {
  const timer = setImmediate(callback)
  return () => clearImmediate(timer)
}

describe('POST /ingest', () => {
  test('answers when the request is stored, and says where to follow it', async () => {
    const fixture = await openServer()
    const { status, headers, body } = await post(fixture, {
      mappings: [mapping()],
      priority: 'HIGH',
      metadata: { run: '1' },
    })
    expect(status).toBe(202)
    expect(headers['location']).toBe(`/status/${body.request_id}`)
    expect(body).toEqual({
      request_id: expect.stringMatching(/^[\da-f-]{36}$/),
      status: 'pending',
      message: `Ingestion request created successfully. Follow it at /status/${body.request_id}`,
      total_mappings: 1,
    })
    const stored = await fixture.store.request('default', body.request_id)
    expect(stored).toMatchObject({ total: 1, priority: 'HIGH', metadata: { run: '1' } })
    expect(fixture.events).toContainEqual(
      expect.objectContaining({ event: 'request_accepted', request: body.request_id, mappings: 1 }),
    )
  })

  test('answers the first answer again to the same key and body', async () => {
    const fixture = await openServer()
    const first = await post(fixture, { mappings: [mapping()] }, { 'idempotency-key': 'k' })
    const again = await post(fixture, { mappings: [mapping()] }, { 'idempotency-key': '"k"' })
    expect(first.headers).not.toHaveProperty('idempotency-replayed')
    expect(again.headers).toMatchObject({ 'idempotency-replayed': 'true' })
    expect(again).toMatchObject({ status: 202, body: first.body })
    expect((await fixture.store.totals()).activeRequests).toBe(1)
  })

  test('refuses another body under the same key', async () => {
    const fixture = await openServer()
    await post(fixture, { mappings: [mapping()] }, { 'idempotency-key': 'k' })
    const other = await post(fixture, { mappings: mappings(2) }, { 'idempotency-key': 'k' })
    expect(other).toMatchObject({ status: 422, body: { type: '/problems/idempotency-key-reused' } })
    expect((await fixture.store.totals()).activeRequests).toBe(1)
  })

  test('answers 409 while another request with the key is still being received', async () => {
    const fixture = await openServer()
    const idempotency = { key: 'k', fingerprint: '' }
    const now = Date.now()
    await opened(fixture.store, newRequest({ idempotency }), now, now + 30_000)
    const { status, body } = await post(
      fixture,
      { mappings: [mapping()] },
      { 'idempotency-key': 'k' },
    )
    const type = '/problems/idempotency-in-progress'
    expect({ status, body }).toMatchObject({ status: 409, body: { type } })
  })

  test('ends the connection of a body that is said to be too large: it is not read', async () => {
    const fixture = await openServer({ limits: { maxBody: 1000 } })
    const refused = await post(fixture, { mappings: mappings(100) })
    expect(refused).toMatchObject({ status: 413, headers: { connection: 'close' } })
  })

  test('turns work away while too much is open', async () => {
    const fixture = await openServer({ limits: { maxBacklog: 3 } })
    expect((await post(fixture, { mappings: mappings(3) })).status).toBe(202)
    const refused = await post(fixture, { mappings: [mapping()] })
    expect(refused).toMatchObject({
      status: 503,
      body: { type: '/problems/overloaded' },
      headers: { 'retry-after': '5' },
    })
  })

  test('takes work again about a second after there is room for it', async () => {
    let now = NOW
    let openMappings = 3
    const clock: Clock = { ...systemClock, now: () => now }
    const totals = async () => ({ activeRequests: 1, openMappings })
    const wrap = (store: Store) => ({ ...store, totals })
    const fixture = await openServer({ clock, limits: { maxBacklog: 3 }, wrap })
    const status = async () => (await post(fixture, { mappings: [mapping()] })).status
    await status()
    expect(await status()).toBe(503)
    openMappings = 0
    now += 999
    await status()
    expect(await status()).toBe(503)
    now += 1
    await status()
    expect(await status()).toBe(202)
  })

  test('says that the store does not answer, and to try again', async () => {
    const fixture = await openServer({ wrap: (store) => ({ ...store, insert: unavailable }) })
    const refused = await post(fixture, { mappings: [mapping()] })
    expect(refused).toMatchObject({
      status: 503,
      body: { type: '/problems/storage-unavailable' },
      headers: { 'retry-after': '5' },
    })
  })

  test('tells nothing but an instance about a bug, and the rest to the log', async () => {
    const error = new Error('secret')
    const fixture = await openServer({
      wrap: (store) => ({ ...store, insert: () => Promise.reject(error) }),
    })
    const { status, body } = await post(fixture, { mappings: [mapping()] })
    expect(status).toBe(500)
    expect(JSON.stringify(body)).not.toContain('secret')
    expect(fixture.events).toContainEqual({ event: 'http_failed', instance: body.instance, error })
  })
})

describe('GET /status/{id}', () => {
  test('tells where a request stands that failed', async () => {
    const fixture = await openServer()
    const { body } = await post(fixture, { mappings: mappings(4) })
    await settleAll(fixture.store, 'target_1', (id) => (id === 'm3' ? FAILED : COMPLETED))
    const status = await get(fixture, `/status/${body.request_id}`)
    expect(status.body).toEqual({
      request_id: body.request_id,
      status: 'failed',
      progress: 100,
      total_mappings: 4,
      processed_mappings: 4,
      failed_mappings: 1,
      details: `1 of 4 mappings failed; /status/${body.request_id}/results?status=failed tells why.`,
      completed_mappings: 3,
      cancelled_mappings: 0,
      priority: 'MEDIUM',
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      started_at: '1970-01-01T00:00:01.000Z',
      finished_at: '1970-01-01T00:00:02.000Z',
      eta_seconds: null,
      waiting_on: [],
      retry_of: null,
      callback: null,
      metadata: {},
    })
  })

  test('tells what has become of its callback, at each stage', async () => {
    const fixture = await openServer()
    const callback_url = 'https://ops.example.com/done'
    const { body } = await post(fixture, { mappings: mappings(1), callback_url })
    const callback = async () => (await get(fixture, `/status/${body.request_id}`)).body.callback
    const pending = { url: callback_url, state: 'pending', attempts: 0, last_error: null }
    expect(await callback()).toEqual(pending)
    await settleAll(fixture.store, 'target_1', () => COMPLETED)
    expect(await callback()).toEqual(pending)

    const lane = 'callback:https://ops.example.com'
    await settleAll(fixture.store, lane, () => FAILED)
    const last_error = { code: 'target_rejected', message: 'no', http_status: 422 }
    expect(await callback()).toEqual({ ...pending, state: 'failed', attempts: 5, last_error })
    const list = await get(fixture, '/requests')
    expect(list.body.requests).toMatchObject([{ callback: { state: 'failed' } }])
  })
})

describe('GET /status/{id}/results', () => {
  /** Follows cursors to the end. */
  async function allPages(fixture: Fixture, url: string) {
    const pages: { results: { id: string; status: string }[]; next_cursor: string | null }[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const { body } = await get(fixture, cursor === '' ? url : `${url}&cursor=${cursor}`)
      pages.push(body)
      cursor = body.next_cursor
    }
    return pages.map(({ results }) => results.map(({ id }) => id))
  }

  test('gives what became of each mapping', async () => {
    const fixture = await openServer()
    const { body } = await post(fixture, { mappings: mappings(2) })
    await settleAll(fixture.store, 'target_1', (id) => (id === 'm1' ? FAILED : COMPLETED))
    const base = { source: 'source_1', target: 'target_1' }
    const finished = { finished_at: '1970-01-01T00:00:02.000Z', duration_ms: 48 }
    expect((await get(fixture, `/status/${body.request_id}/results`)).body).toEqual({
      request_id: body.request_id,
      status: 'failed',
      total_mappings: 2,
      processed_mappings: 2,
      failed_mappings: 1,
      results: [
        {
          id: 'm0',
          ...base,
          status: 'completed',
          attempts: 1,
          result: { ok: true },
          error: null,
          ...finished,
        },
        {
          id: 'm1',
          ...base,
          status: 'failed',
          attempts: 5,
          result: null,
          error: {
            code: 'target_rejected',
            message: 'no',
            stage: 'write',
            http_status: 422,
            attempts: 5,
          },
          ...finished,
        },
      ],
      next_cursor: null,
    })
  })

  test('pages in submission order, however targets are mixed', async () => {
    const fixture = await openServer({ limits: { maxMappings: 5000, maxBody: 1_000_000 } })
    const sent = mappings(3001, (index) => ({ target: `t${index % 7}` }))
    const { body } = await post(fixture, { mappings: sent })
    const pages = await allPages(fixture, `/status/${body.request_id}/results?limit=700`)
    expect(pages.map(({ length }) => length)).toEqual([700, 700, 700, 700, 201])
    expect(pages.flat()).toEqual(sent.map((_, index) => `m${index}`))
  })

  test('keeps only the asked status', async () => {
    const fixture = await openServer()
    const sent = mappings(50, (index) => ({ target: index % 2 === 0 ? 'even' : 'odd' }))
    const { body } = await post(fixture, { mappings: sent })
    await settleAll(fixture.store, 'even', (id) => (id.endsWith('4') ? FAILED : COMPLETED))
    const url = `/status/${body.request_id}/results`
    expect((await allPages(fixture, `${url}?limit=2&status=failed`)).flat()).toEqual([
      'm4',
      'm14',
      'm24',
      'm34',
      'm44',
    ])
    expect((await allPages(fixture, `${url}?limit=10&status=pending`)).flat()).toHaveLength(25)
  })

  test('takes a cursor only for the list and the filter that it came from', async () => {
    const fixture = await openServer()
    const one = (await post(fixture, { mappings: mappings(3) })).body.request_id
    const other = (await post(fixture, { mappings: mappings(3) })).body.request_id
    const cursor = (await get(fixture, `/status/${one}/results?limit=1`)).body.next_cursor
    for (const url of [
      `/status/${other}/results?limit=1&cursor=${cursor}`,
      `/status/${one}/results?limit=1&status=pending&cursor=${cursor}`,
      `/requests?cursor=${cursor}`,
      `/status/${one}/results?cursor=${cursor}A`,
    ]) {
      expect(await get(fixture, url)).toMatchObject({
        status: 400,
        body: { type: '/problems/invalid-cursor' },
      })
    }
  })

  test('cuts a large limit to the maximum', async () => {
    const fixture = await openServer()
    const request = newRequest({ total: 10_001, batchSize: 500 })
    await fixture.store.insert(request)
    const url = `/status/${request.id}/results`
    const { body } = await get(fixture, `${url}?limit=1000000000`)
    expect(body.results).toHaveLength(10_000)
    const rest = await get(fixture, `${url}?cursor=${body.next_cursor}`)
    expect(rest.body).toMatchObject({ results: [{ id: 'map_10000' }], next_cursor: null })
    expect((await get(fixture, url)).body.results).toHaveLength(1000)
  })

  test('never holds the event loop for long', async () => {
    const fixture = await openServer({ limits: { maxMappings: 10_000, maxBody: 10_000_000 } })
    const { body } = await post(fixture, { mappings: mappings(10_000) })
    let turns = 0
    let isDone = false
    const count = () => {
      turns++
      if (!isDone) setImmediate(count)
    }
    setImmediate(count)
    const page = await get(fixture, `/status/${body.request_id}/results?limit=10000`)
    isDone = true
    expect(page.body.results).toHaveLength(10_000)
    expect(turns).toBeGreaterThanOrEqual(10)
  })
})

describe('GET /requests', () => {
  test('lists the newest first, in pages, by filter', async () => {
    const fixture = await openServer()
    const ids: string[] = []
    for (const priority of ['HIGH', 'LOW', 'HIGH', 'HIGH']) {
      ids.unshift((await post(fixture, { mappings: [mapping()], priority })).body.request_id)
    }
    const first = (await get(fixture, '/requests?limit=2&priority=HIGH')).body
    expect(first.requests.map(idOf)).toEqual([ids[0], ids[1]])
    const rest = await get(fixture, `/requests?limit=2&priority=HIGH&cursor=${first.next_cursor}`)
    expect(rest.body.requests.map(idOf)).toEqual([ids[3]])
    expect(rest.body.next_cursor).toBe(null)
    const all = (await get(fixture, '/requests?limit=3&priority=HIGH')).body
    expect(all.requests.map(idOf)).toEqual([ids[0], ids[1], ids[3]])
    expect(all.next_cursor).toBe(null)
    const after = '&priority=HIGH&created_after=2020-01-01T00:00:00Z'
    for (const filter of ['', '&priority=LOW', '&priority=HIGH&status=pending', after]) {
      const elsewhere = await get(fixture, `/requests?cursor=${first.next_cursor}${filter}`)
      expect(elsewhere.body).toMatchObject({ type: '/problems/invalid-cursor' })
    }
    const none = await get(fixture, '/requests?created_after=2999-01-01T00:00:00%2B01:00')
    expect(none.body).toEqual({ requests: [], next_cursor: null })
  })

  test('asks the store once for what all of a page wait for, and once for their callbacks', async () => {
    const asked: number[] = []
    const told: (readonly string[])[] = []
    const fixture = await openServer({
      wrap: (store) => ({
        ...store,
        waiting(tenant, ids) {
          asked.push(ids.length)
          return store.waiting(tenant, ids)
        },
        firstBatches(tenant, ids) {
          told.push(ids)
          return store.firstBatches(tenant, ids)
        },
        batches: () => Promise.reject(new Error('one by one')),
      }),
    })
    const callback_url = 'https://a.example/'
    const ended: string[] = []
    for (let n = 0; n < 3; n += 1) {
      const { request_id: id } = (await post(fixture, { mappings: [mapping()], callback_url })).body
      await fixture.store.cancel('default', id, Date.now())
      ended.unshift(id)
    }
    for (let n = 0; n < 5; n += 1) await post(fixture, { mappings: [mapping()] })
    await fixture.store.override('target_1', { paused: true })
    const { requests } = (await get(fixture, '/requests')).body
    expect(asked).toEqual([5])
    expect(told).toEqual([ended])
    expect(requests.slice(5)).toMatchObject(ended.map(() => ({ callback: { state: 'pending' } })))
    for (const { waiting_on: waiting } of requests.slice(0, 5)) {
      expect(waiting).toMatchObject([{ system: 'target_1', gate: 'paused', mappings: 1 }])
    }
  })

  function idOf(status: { request_id: string }): string {
    return status.request_id
  }
})

describe('the service', () => {
  test('tells how it is', async () => {
    const fixture = await openServer()
    await post(fixture, { mappings: [mapping()] })
    expect((await get(fixture, '/health')).body).toEqual({
      status: 'healthy',
      timestamp: expect.any(String),
      active_requests: 1,
      version: '0.0.0',
      store: 'sqlite',
      mode: 'demo',
      checks: { store: 'ok' },
    })
    expect((await get(fixture, '/readyz')).status).toBe(200)
  })

  test('lives, but is neither healthy nor ready, when its store cannot be written', async () => {
    const fixture = await openServer({ wrap: (store) => ({ ...store, touch: unavailable }) })
    await post(fixture, { mappings: [mapping()] })
    expect((await get(fixture, '/livez')).status).toBe(200)
    expect(await get(fixture, '/health')).toMatchObject({
      status: 503,
      body: { status: 'unhealthy', active_requests: 1, checks: { store: 'unavailable' } },
    })
    expect(await get(fixture, '/readyz')).toMatchObject({
      status: 503,
      body: { type: '/problems/storage-unavailable' },
    })
  })

  test('is not healthy when its store cannot be read', async () => {
    const fixture = await openServer({ wrap: (store) => ({ ...store, totals: unavailable }) })
    expect(await get(fixture, '/health')).toMatchObject({
      status: 503,
      body: { status: 'unhealthy', active_requests: 0, checks: { store: 'unavailable' } },
    })
  })

  test('is ready again once its store can be written, and asks at most once a second', async () => {
    let now = NOW
    const clock: Clock = { ...systemClock, now: () => now }
    let touch: Store['touch'] = unavailable
    let writes = 0
    const counted = () => {
      writes += 1
      return touch()
    }
    const fixture = await openServer({ clock, wrap: (store) => ({ ...store, touch: counted }) })
    expect((await get(fixture, '/readyz')).status).toBe(503)
    touch = async () => {}
    now += 999
    expect((await get(fixture, '/readyz')).status).toBe(503)
    now += 1
    expect((await get(fixture, '/readyz')).status).toBe(200)
    expect(writes).toBe(2)
  })

  test('is not ready when its store takes too long', async () => {
    const clock: Clock = { now: () => NOW, after: immediately }
    const hangs = () => new Promise<never>(() => {})
    const fixture = await openServer({ clock, wrap: (store) => ({ ...store, touch: hangs }) })
    expect((await get(fixture, '/readyz')).status).toBe(503)
  })

  test('says which methods there are, and gives other origins no leave', async () => {
    const { server } = await openServer()
    const headers = { origin: 'https://evil.example' }
    const answer = await server.app.inject({ method: 'OPTIONS', url: '/ingest', headers })
    expect(answer.statusCode).toBe(405)
    expect(answer.headers).toMatchObject({ allow: 'POST' })
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin')
  })

  test.each([
    ['everything', 'See /docs'],
    ['health', 'only answers /livez, /readyz and /health'],
  ] as const)(
    'that offers %s says what there is where there is nothing',
    async (offers, detail) => {
      const fixture = await openServer({ offers })
      const { status, body } = await get(fixture, '/nothing')
      expect([status, body.detail]).toEqual([404, expect.stringContaining(detail)])
      const docs = await fixture.server.app.inject({ url: '/docs' })
      expect(docs.statusCode).toBe(offers === 'health' ? 404 : 200)
    },
  )

  test('protects what it answers', async () => {
    const fixture = await openServer()
    for (const url of ['/livez', '/nothing', '/status/%ZZ']) {
      expect((await get(fixture, url)).headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
        'cache-control': 'no-store',
      })
    }
  })
})
