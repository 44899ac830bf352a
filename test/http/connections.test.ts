/** What happens to connections, over real sockets: slow clients, and the drain. */
import { describe, expect, test } from 'vitest'
import { TIMEOUTS } from '../../src/http/ports.ts'
import type { Inserted } from '../../src/store/store.ts'
import { inserted } from '../contract/steps.ts'
import { open } from './connection.ts'
import { mapping, openServer } from './server.ts'

const GET = 'GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n'
const BODY = JSON.stringify({ mappings: [mapping()] })

function post(length: number): string {
  return `POST /ingest HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`
}

describe('slow clients are cut off', () => {
  const timeouts = { ...TIMEOUTS, headers: 100, request: 300, check: 20 }

  test.each([
    ['half its headers', 'GET /livez HTTP/1.1\r\nHost:'],
    ['half its body', `${post(BODY.length)}${BODY.slice(0, 10)}`],
  ])('one that sends %s', async (_name, bytes) => {
    const { server, store } = await openServer({ timeouts })
    const client = await open(await server.listen(), bytes)
    const answer = await client.closed
    expect(answer).toMatch(/^HTTP\/1\.1 408 /)
    expect(answer).toContain('/problems/request-timeout')
    expect((await store.totals()).activeRequests).toBe(0)
  })

  test('within ten seconds for headers, and thirty for bodies', () => {
    expect(TIMEOUTS.headers + 2 * TIMEOUTS.check).toBeLessThanOrEqual(10_000)
    expect(TIMEOUTS.request + 2 * TIMEOUTS.check).toBeLessThanOrEqual(30_000)
  })

  test('and a body that is too large before it is read', async () => {
    const { server } = await openServer()
    const client = await open(await server.listen(), post(100_001))
    const answer = await client.closed
    expect(answer).toMatch(/^HTTP\/1\.1 413 /)
    expect(answer.toLowerCase()).toContain('connection: close')
  })

  test('and one that leaves halfway is not a fault of ours', async () => {
    const { server, store, events } = await openServer()
    const client = await open(await server.listen(), `${post(BODY.length)}${BODY.slice(0, 10)}`)
    client.socket.destroy()
    await client.closed
    await server.close(1000)
    expect((await store.totals()).activeRequests).toBe(0)
    expect(events.filter(({ event }) => event === 'http_failed')).toEqual([])
  })
})

test('what is no HTTP ends an answer that is under way, and puts nothing into it', async () => {
  const { server, store } = await openServer()
  const { id } = await inserted(store)
  const start = `GET /status/${id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n`
  const client = await open(await server.listen(), start)
  await client.received('event: status')
  client.socket.write('no HTTP\r\n\r\n')
  const answer = await client.closed
  expect(answer).toMatch(/^HTTP\/1\.1 200 /)
  expect(answer).not.toContain('malformed-request')
})

test('more connections than there may be are closed at once', async () => {
  const { server } = await openServer({ limits: { maxConnections: 1 } })
  const url = await server.listen()
  const first = await open(url, GET)
  await first.received('alive')
  const second = await open(url, GET)
  expect(await second.closed).toBe('')
  first.socket.write(GET.replace('/livez', '/readyz'))
  await first.received('ready')
})

describe('what is not HTTP as it should be is turned away', () => {
  test.each([
    ['a greeting in TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['no Host', 'GET /livez HTTP/1.1\r\n\r\n'],
  ])('%s', async (_name, bytes) => {
    const { server, events } = await openServer()
    const client = await open(await server.listen(), bytes)
    expect(await client.closed).toMatch(/^HTTP\/1\.1 400 /)
    expect(events.filter(({ event }) => event === 'http_failed')).toEqual([])
  })
})

describe('the drain', () => {
  test('closes what is idle at once, and waits for what is being answered', async () => {
    const inserting = Promise.withResolvers<void>()
    const gate = Promise.withResolvers<void>()
    const { server, store } = await openServer({
      wrap: (real) => ({
        ...real,
        async insert(request): Promise<Inserted> {
          inserting.resolve()
          await gate.promise
          return real.insert(request)
        },
      }),
    })
    const url = await server.listen()
    const unused = await open(url, '')
    const halfHeaders = await open(url, 'GET /livez HTTP/1.1\r\nHost:')
    const idle = await open(url, GET)
    await idle.received('alive')
    const busy = await open(url, `${post(BODY.length)}${BODY}`)
    await inserting.promise

    const closing = server.close(60_000)
    await Promise.all([unused.closed, halfHeaders.closed, idle.closed])
    gate.resolve()

    const answer = await busy.closed
    expect(answer).toMatch(/^HTTP\/1\.1 202 /)
    expect(answer.toLowerCase()).toContain('connection: close')
    await closing
    expect((await store.totals()).activeRequests).toBe(1)
  })

  test('cuts off at the deadline what does not end', async () => {
    const inserting = Promise.withResolvers<void>()
    const { server } = await openServer({
      wrap: (real) => ({
        ...real,
        insert() {
          inserting.resolve()
          return new Promise<never>(() => {})
        },
      }),
    })
    const busy = await open(await server.listen(), `${post(BODY.length)}${BODY}`)
    await inserting.promise
    await server.close(50)
    expect(await busy.closed).toBe('')
  })

  test('turns new requests away, all but the question whether it lives', async () => {
    const { server } = await openServer()
    await server.app.ready()
    const closing = server.close(1000)
    const answers = [server.app.inject({ url: '/readyz' }), server.app.inject({ url: '/livez' })]
    const [refused, alive] = await Promise.all(answers)
    expect(refused?.statusCode).toBe(503)
    expect(refused?.json()).toMatchObject({ type: '/problems/draining' })
    expect(refused?.headers).toMatchObject({ 'retry-after': '5', connection: 'close' })
    expect(alive?.statusCode).toBe(200)
    await closing
  })
})
