import { describe, expect, test } from 'vitest'
import { describer } from '../../src/catalogue.ts'
import { USUAL_ANSWERS } from '../../src/core/answers.ts'
import { DEFAULT_RETRY } from '../../src/core/retry.ts'
import { toCatalogue } from '../../src/intake/systems.ts'
import { newId } from '../../src/lib/random.ts'
import { OVERRIDES_MAX } from '../../src/store/store.ts'
import { newRequest, TENANT } from '../support/requests.ts'
import { type Changes, type Fixture, openServer } from './server.ts'

const CRM = {
  kind: 'http',
  limits: { concurrency: 20, rate: [{ count: 100, per: 1000 }], cost: { read: 1, write: 2 } },
}
const ENTRY = {
  ...CRM,
  timeout: 1000,
  retry: DEFAULT_RETRY,
  answers: USUAL_ANSWERS,
  config: {},
  shown: {},
}
const CONFIGURED: Changes = {
  systems: {
    mode: 'configured',
    has: (name) => name === 'crm',
    reads: () => false,
    names: ['crm'],
  },
  describe: (name) => (name === 'crm' ? CRM : null),
}

async function call(
  fixture: Fixture,
  method: 'GET' | 'PATCH' | 'POST',
  url: string,
  body?: object,
) {
  const headers = body === undefined ? {} : { 'content-type': 'application/json' }
  const payload = body === undefined ? {} : { payload: JSON.stringify(body) }
  const answer = await fixture.server.app.inject({ method, url, headers, ...payload })
  return { status: answer.statusCode, body: answer.json() }
}

describe('GET /systems/{name}', () => {
  test('tells everything of a system that nothing has happened to', async () => {
    const fixture = await openServer(CONFIGURED)
    expect(await call(fixture, 'GET', '/systems/crm')).toEqual({
      status: 200,
      body: {
        name: 'crm',
        kind: 'http',
        gate: { state: 'open', until: null, reason: null },
        limits: {
          configured: {
            concurrency: 20,
            adaptive_from: null,
            rate: ['100/s'],
            burst: null,
            cost: { read: 1, write: 2 },
          },
          in_force: { concurrency: 20, rate: ['100/s'] },
          learned: null,
        },
        override: { concurrency: null, rate: null, paused: false },
        ready_mappings: 0,
        in_flight_mappings: 0,
        waiting_mappings: 0,
        mappings_per_minute: 0,
        oldest_wait_seconds: null,
        last_error: null,
      },
    })
  })

  test('tells what waits, what is in hand, and what workers say', async () => {
    const fixture = await openServer(CONFIGURED)
    const { store } = fixture
    const now = Date.now()
    await store.join({ id: 'w', host: 'here' }, now + 15_000)
    await store.insert(newRequest({ total: 20, createdAt: now - 90_000 }))
    await store.claim('w', [{ lane: 'crm', mappings: 5, below: null, turn: 0 }], now)
    const error = { code: 'timeout', message: 'late', stage: 'write', httpStatus: null } as const
    await store.report('w', [
      {
        system: 'crm',
        report: {
          at: now,
          concurrency: 7,
          perMinute: 123,
          learned: { limit: 10, window: 1000, remaining: 3, resetsAt: now, at: now },
          learnedRate: 97.5,
          lastError: { ...error, at: now },
        },
      },
    ])
    const { body } = await call(fixture, 'GET', '/systems/crm')
    const at = new Date(now).toISOString()
    expect(body).toMatchObject({
      ready_mappings: 15,
      in_flight_mappings: 5,
      mappings_per_minute: 123,
      last_error: { code: 'timeout', message: 'late', http_status: null, at },
      limits: {
        in_force: { concurrency: 20 },
        learned: { limit: 10, window_seconds: 1, remaining: 3, resets_at: at, at, rate: 97.5 },
      },
    })
    expect(body.oldest_wait_seconds).toBeGreaterThanOrEqual(90)
  })

  test('says that there is no such system, and which was probably meant', async () => {
    const fixture = await openServer(CONFIGURED)
    for (const method of ['GET', 'PATCH'] as const) {
      const { status, body } = await call(
        fixture,
        method,
        '/systems/crn',
        method === 'PATCH' ? { paused: true } : undefined,
      )
      expect(status).toBe(404)
      expect(body.detail).toBe('There is no such system (did you mean "crm"?). Known systems: crm.')
    }
  })
})

describe('GET /systems', () => {
  test('lists every system of the systems file', async () => {
    const fixture = await openServer(CONFIGURED)
    const { body } = await call(fixture, 'GET', '/systems')
    expect(body.systems.map(({ name }: { name: string }) => name)).toEqual(['crm'])
    expect(body.next_cursor).toBeNull()
  })

  test('lists them by name, in pages', async () => {
    const fixture = await openServer({
      systems: toCatalogue({ mode: 'configured', names: ['b', 'a', 'd', 'c'], readable: [] }),
      describe: () => CRM,
    })
    for (const [limit, pages] of PAGES) expect(await pagesOf(fixture, limit)).toEqual(pages)
  })

  test('asks the store once for all of a page', async () => {
    const asked: (readonly string[])[] = []
    const fixture = await openServer({
      wrap: (store) => ({
        ...store,
        systems(names) {
          asked.push(names)
          return store.systems(names)
        },
        system: () => Promise.reject(new Error('one by one')),
      }),
    })
    for (const lane of ['b', 'a']) await fixture.store.insert(newRequest({ lane, total: 3 }))
    const { body } = await call(fixture, 'GET', '/systems')
    expect(asked).toEqual([['a', 'b']])
    expect(body.systems).toMatchObject([{ name: 'a', ready_mappings: 3 }, { name: 'b' }])
  })

  test('without one lists those with work, by name, in pages', async () => {
    const fixture = await openServer()
    for (const lane of ['b', 'a', 'd', 'c']) await fixture.store.insert(newRequest({ lane }))
    for (const [limit, pages] of PAGES) expect(await pagesOf(fixture, limit)).toEqual(pages)
  })

  /** Of four systems, by how many a page may have. */
  const PAGES: readonly (readonly [limit: number, pages: readonly (readonly string[])[]])[] = [
    [
      2,
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    [3, [['a', 'b', 'c'], ['d']]],
    [4, [['a', 'b', 'c', 'd']]],
  ]

  /** The names on each page, of five at most. */
  async function pagesOf(fixture: Fixture, limit: number): Promise<string[][]> {
    const pages: string[][] = []
    for (let cursor = ''; pages.length < 5; ) {
      const { body } = await call(fixture, 'GET', `/systems?limit=${limit}${cursor}`)
      pages.push(body.systems.map(({ name }: { name: string }) => name))
      if (body.next_cursor === null) break
      cursor = `&cursor=${body.next_cursor}`
    }
    return pages
  }
})

describe('a lane of callbacks', () => {
  const LANE = 'callback:https://ops.example.com'
  const PATH = `/systems/${encodeURIComponent(LANE)}`
  const withCallbacks: Changes = {
    ...CONFIGURED,
    describe: describer([{ ...ENTRY, name: 'crm' }], 20),
  }

  test('is listed beside the systems of the file, in order, as soon as something is known', async () => {
    const fixture = await openServer(withCallbacks)
    await fixture.store.insert(newRequest({ lane: LANE }))
    await fixture.store.insert(newRequest({ lane: 'of an older file' }))
    const names: string[] = []
    let url: string | null = '/systems?limit=1'
    while (url !== null) {
      const { body }: Awaited<ReturnType<typeof call>> = await call(fixture, 'GET', url)
      names.push(...body.systems.map(({ name }: { name: string }) => name))
      url = body.next_cursor === null ? null : `/systems?limit=1&cursor=${body.next_cursor}`
    }
    expect(names).toEqual([LANE, 'crm'])
  })

  test('is shown, changed and resumed as any system is', async () => {
    const fixture = await openServer(withCallbacks)
    expect(await call(fixture, 'GET', PATH)).toMatchObject({
      status: 200,
      body: { name: LANE, kind: 'callback', limits: { configured: { concurrency: 20, rate: [] } } },
    })
    const changed = await call(fixture, 'PATCH', PATH, { concurrency: 2, paused: true })
    expect(changed.body).toMatchObject({ gate: { state: 'paused' }, override: { concurrency: 2 } })
    await fixture.store.gate(LANE, { state: 'tripped', until: Date.now() + 60_000, reason: 'no' })
    expect((await call(fixture, 'POST', `${PATH}/resume`)).status).toBe(200)
  })

  test('may be one without TLS, and have a host as long as there are', async () => {
    const fixture = await openServer(withCallbacks)
    const names = ['callback:http://10.1.2.3:81', `callback:https://${'x'.repeat(249)}.com:65535`]
    for (const name of names) {
      const { body } = await call(fixture, 'GET', `/systems/${encodeURIComponent(name)}`)
      expect(body.name).toBe(name)
    }
  })

  test('is enabled again by its resume, even where its gate is open', async () => {
    const fixture = await openServer(withCallbacks)
    const gone = { tenant: TENANT, url: 'https://ops.example.com/done' }
    await fixture.store.disableCallback(gone, Date.now())
    expect((await call(fixture, 'POST', `${PATH}/resume`)).status).toBe(200)
    expect(await fixture.store.isCallbackDisabled(gone)).toBe(false)
    expect((await call(fixture, 'POST', `${PATH}/resume`)).status).toBe(409)
    expect(fixture.events).toContainEqual({ event: 'system_resumed', system: LANE })
  })

  test.each([
    ...['callback:', 'callback:crm', 'callback:https://a/b', 'callback:ftp://a'],
    ...['callback:https://', 'callback:https://a\0b', `callback:https://${'x'.repeat(300)}`],
  ])('is not %j', async (name) => {
    for (const demo of [withCallbacks, { describe: describer(null, 20) }]) {
      const path = `/systems/${encodeURIComponent(name)}`
      const { status, body } = await call(await openServer(demo), 'GET', path)
      expect(status).toBe(404)
      expect(body.detail).toContain('callback:https://ops.example.com')
    }
  })
})

describe('PATCH /systems/{name}', () => {
  test('changes what it names, keeps the rest, and null returns to the file', async () => {
    const fixture = await openServer(CONFIGURED)
    const change = { concurrency: 10, rate: ['50/s', '1000/h'], paused: true }
    const changed = await call(fixture, 'PATCH', '/systems/crm', change)
    expect(changed).toMatchObject({
      status: 200,
      body: {
        gate: { state: 'paused', until: null },
        limits: { in_force: { concurrency: 10, rate: ['50/s', '1000/h'] } },
        override: change,
      },
    })
    const back = await call(fixture, 'PATCH', '/systems/crm', { rate: null, paused: false })
    expect(back.body).toMatchObject({
      gate: { state: 'open' },
      limits: { in_force: { concurrency: 10, rate: ['100/s'] } },
      override: { concurrency: 10, rate: null, paused: false },
    })
    expect(fixture.events).toContainEqual(
      expect.objectContaining({ event: 'system_changed', system: 'crm' }),
    )
  })

  test.each([
    [{}, '#', 'required'],
    [[], '#', 'invalid_type'],
    [{ concurrency: 0 }, '#/concurrency', 'invalid_value'],
    [{ concurrency: 1.5 }, '#/concurrency', 'invalid_value'],
    [{ concurrency: '10' }, '#/concurrency', 'invalid_value'],
    [{ concurrency: 10_001 }, '#/concurrency', 'invalid_value'],
    [{ rate: '' }, '#/rate', 'invalid_value'],
    [{ rate: '0/s' }, '#/rate', 'invalid_value'],
    [{ rate: 50 }, '#/rate', 'invalid_value'],
    [{ rate: [] }, '#/rate', 'invalid_value'],
    [{ rate: ['50/s', 1] }, '#/rate', 'invalid_value'],
    [{ rate: Array(9).fill('1/s') }, '#/rate', 'invalid_value'],
    [{ paused: 'true' }, '#/paused', 'invalid_type'],
    [{ paused: true, concurency: 3 }, '#/concurency', 'unknown_property'],
  ])('refuses %j, and changes nothing', async (change, pointer, code) => {
    const fixture = await openServer(CONFIGURED)
    const { status, body } = await call(fixture, 'PATCH', '/systems/crm', change)
    expect(status).toBe(400)
    expect(body.errors).toContainEqual(expect.objectContaining({ pointer, code }))
    const { override } = await fixture.store.system('crm')
    expect(override).toEqual({ concurrency: null, rate: null, paused: false })
  })
})

test('without a systems file any name can be changed, but not any number of them', async () => {
  const fixture = await openServer()
  const names = Array.from({ length: OVERRIDES_MAX }, (_, place) => `system-${place}`)
  for (const name of names) await fixture.store.override(name, { paused: true })
  const refused = await call(fixture, 'PATCH', '/systems/one-more', { paused: true })
  expect(refused).toMatchObject({ status: 409, body: { type: '/problems/invalid-state' } })
  expect(refused.body.detail).toContain('Return one to the systems file first')
  expect(fixture.events.map(({ event }) => event)).not.toContain('system_changed')
  const nothing = { concurrency: null, rate: null, paused: false }
  expect((await call(fixture, 'PATCH', '/systems/system-0', nothing)).status).toBe(200)
  expect((await call(fixture, 'PATCH', '/systems/one-more', { paused: true })).status).toBe(200)
})

describe('POST /systems/{name}/resume', () => {
  test('lets a held system be probed now', async () => {
    const fixture = await openServer(CONFIGURED)
    const until = Date.now() + 60_000
    await fixture.store.gate('crm', { state: 'held', until, reason: 'no' })
    const { status, body } = await call(fixture, 'POST', '/systems/crm/resume')
    expect(status).toBe(200)
    expect(body.gate.state).toBe('held')
    expect(Date.parse(body.gate.until)).toBeLessThanOrEqual(Date.now())
  })

  test('takes a body of nothing for none, whatever it is called', async () => {
    const { server, store } = await openServer(CONFIGURED)
    await store.gate('crm', { state: 'held', until: Date.now() + 60_000, reason: 'no' })
    const headers = { 'content-type': 'application/json' }
    const url = '/systems/crm/resume'
    expect((await server.app.inject({ method: 'POST', url, headers })).statusCode).toBe(200)
  })

  test('is a 409 where nothing is closed, and a 400 with a body', async () => {
    const fixture = await openServer(CONFIGURED)
    const { status, body } = await call(fixture, 'POST', '/systems/crm/resume')
    expect({ status, type: body.type }).toEqual({ status: 409, type: '/problems/invalid-state' })
    expect((await call(fixture, 'POST', '/systems/crm/resume', {})).status).toBe(400)
  })
})

describe('GET /status/{id}', () => {
  test('says that it waits for its time, until that has come', async () => {
    const fixture = await openServer(CONFIGURED)
    const now = Date.now()
    const notBefore = now + 60_000
    const request = newRequest({ id: newId(now), createdAt: now, terms: { notBefore } })
    await fixture.store.insert(request)
    const { body } = await call(fixture, 'GET', `/status/${request.id}`)
    const details = `Waiting for its time: nothing of it starts before ${new Date(notBefore).toISOString()}.`
    expect(body).toMatchObject({ status: 'pending', details, eta_seconds: null, waiting_on: [] })
    const started = newRequest({ id: newId(now), terms: { notBefore: now - 1 } })
    await fixture.store.insert(started)
    expect((await call(fixture, 'GET', `/status/${started.id}`)).body.details).toBeNull()
  })

  test('says what it waits for, how many mappings, and until when', async () => {
    const fixture = await openServer(CONFIGURED)
    const id = newId(Date.now())
    await fixture.store.insert(newRequest({ id, total: 7 }))
    const until = Date.now() + 30_000
    await fixture.store.gate('crm', { state: 'throttled', until, reason: '429 Retry-After: 30' })
    const { body } = await call(fixture, 'GET', `/status/${id}`)
    expect(body).toMatchObject({
      details: 'Waiting for crm, which is throttled.',
      waiting_on: [
        {
          system: 'crm',
          gate: 'throttled',
          until: new Date(until).toISOString(),
          reason: '429 Retry-After: 30',
          mappings: 7,
        },
      ],
    })
    await fixture.store.gate('crm', null)
    await fixture.store.override('crm', { paused: true })
    const paused = await call(fixture, 'GET', `/status/${id}`)
    expect(paused.body.waiting_on).toMatchObject([{ gate: 'paused', until: null, mappings: 7 }])
    expect(await fixture.store.request(TENANT, id)).not.toBeNull()
  })
})
