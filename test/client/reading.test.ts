import { once } from 'node:events'
import { createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import { type Mapping, Sluice } from '../../src/client/index.ts'
import { FakeSluice, problem } from './fake.ts'

function mappings(total: number, target = 'crm'): Mapping[] {
  return Array.from({ length: total }, (_, index) => ({ id: `m${index}`, source: 'shop', target }))
}

/** A fake that holds one request of `total` mappings, and a client of it that knows nothing of it yet. */
async function withRequest(total: number) {
  const fake = await FakeSluice.start()
  const sluice = new Sluice({ baseUrl: fake.url })
  const { request_id: id } = await sluice.submit({ mappings: mappings(total) })
  fake.received.length = 0
  return { fake, sluice, id, [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose]() }
}

describe('results', () => {
  test('go over all pages, in order', async () => {
    await using held = await withRequest(12_500)
    const ids = []
    for await (const { id } of held.sluice.results(held.id)) ids.push(id)
    expect(ids).toEqual(mappings(12_500).map(({ id }) => id))
    expect(held.fake.received.map(({ query }) => query)).toEqual([
      { limit: '1000' },
      { limit: '10000', cursor: '1000' },
      { limit: '10000', cursor: '11000' },
    ])
  })

  test('end at the limit, and ask for no more than that', async () => {
    await using held = await withRequest(2500)
    let count = 0
    for await (const _ of held.sluice.results(held.id, { limit: 1005 })) count += 1
    expect(count).toBe(1005)
    expect(held.fake.received.map(({ query }) => query['limit'])).toEqual(['1000', '5'])
  })

  test('are only asked for as far as they are used', async () => {
    await using held = await withRequest(2500)
    for await (const _ of held.sluice.results(held.id)) break
    expect(held.fake.received).toHaveLength(1)
  })

  test('of one status', async () => {
    await using held = await withRequest(3)
    const page = await held.sluice.resultsPage(held.id, { status: 'failed', limit: 2 })
    expect(page).toMatchObject({ request_id: held.id, results: [], next_cursor: null })
    expect(held.fake.received[0]?.query).toEqual({ status: 'failed', limit: '2' })
  })
})

describe('results, when the server goes away in between,', () => {
  test('go on where they were', async () => {
    await using held = await withRequest(1500)
    const ids = []
    for await (const { id } of held.sluice.results(held.id)) {
      if (ids.push(id) === 1000) held.fake.answers.push(problem(503, 'draining', 'Stopping.'))
    }
    expect(ids).toEqual(mappings(1500).map(({ id }) => id))
    expect(held.fake.received).toHaveLength(3)
  })

  test('are not waited for if they were never there', async () => {
    await using held = await withRequest(1)
    held.fake.answers.push(problem(503, 'draining', 'Stopping.'))
    await expect(held.sluice.results(held.id).next()).rejects.toMatchObject({ status: 503 })
    expect(held.fake.received).toHaveLength(1)
  })
})

describe('exportResults', () => {
  test.each([
    ['ndjson', 'application/x-ndjson', /^\{"id":"m0",.+\}\n$/],
    ['csv', 'text/csv', /^id,source,target\r\nm0,shop,crm\r\n$/],
  ] as const)('gives the bytes of a file of %s', async (format, type, expected) => {
    await using held = await withRequest(1)
    const file = await held.sluice.exportResults(held.id, { format, status: 'completed', limit: 9 })
    expect(await new Response(file).text()).toMatch(expected)
    const [received] = held.fake.received
    expect(received?.headers.accept).toBe(type)
    expect(received?.query).toEqual({ status: 'completed', limit: '9' })
  })

  test('breaks off where the connection does, so that a part is not taken for the whole', async () => {
    await using held = await withRequest(1)
    held.fake.answers.push({ breaksOffAfter: '{"id":"m0"}\n' })
    const file = await held.sluice.exportResults(held.id)
    await expect(new Response(file).text()).rejects.toMatchObject({
      name: 'SluiceUnreachable',
      message: `The connection to ${held.fake.url} broke before the answer was complete. Try again.`,
    })
  })

  test('rejects where there is no such request', async () => {
    await using held = await withRequest(1)
    await expect(held.sluice.exportResults('other')).rejects.toMatchObject({ status: 404 })
  })

  test('lets go of the connection when nobody reads on', async () => {
    await using held = await withRequest(1)
    held.fake.answers.push({ goesOnAfter: '{"id":"m0"}\n' })
    const file = await held.sluice.exportResults(held.id)
    const reader = file.getReader()
    await reader.read()
    await reader.cancel()
    await held.fake.hungUp
  })
})

describe('failures', () => {
  test('are told in groups', async () => {
    await using fake = await FakeSluice.start()
    const sluice = new Sluice({ baseUrl: fake.url })
    const { request_id } = await sluice.submit({ mappings: mappings(3, 'broken') })
    const [group] = await sluice.failures(request_id)
    expect(group).toMatchObject({ target: 'broken', code: 'target_rejected', count: 3 })
    expect(fake.received[1]?.path).toBe(`/status/${request_id}/failures`)
  })
})

describe('requests', () => {
  test('go over all of them, newest first, as they are chosen', async () => {
    await using held = await withRequest(1)
    await held.sluice.submit({ mappings: mappings(2) })
    held.fake.received.length = 0
    const ids = []
    const chosen = { priority: 'LOW', createdAfter: '2026-01-01T00:00:00Z', limit: 9 } as const
    for await (const { request_id } of held.sluice.requests(chosen)) ids.push(request_id)
    expect(ids).toEqual(['request-2', 'request-1'])
    expect(held.fake.received[0]?.query).toEqual({
      priority: 'LOW',
      created_after: '2026-01-01T00:00:00Z',
      limit: '9',
    })
  })
})

test('a call ends with its signal', async () => {
  await using fake = await FakeSluice.start()
  fake.answers.push('silence')
  const interruption = new AbortController()
  const answer = new Sluice({ baseUrl: fake.url }).status('a', { signal: interruption.signal })
  interruption.abort(new Error('enough'))
  await expect(answer).rejects.toThrow('enough')
})

describe('health', () => {
  test('is told', async () => {
    await using fake = await FakeSluice.start()
    const health = await new Sluice({ baseUrl: `${fake.url}/` }).health()
    expect(health).toMatchObject({ status: 'healthy', mode: 'demo' })
    expect(fake.received[0]?.path).toBe('/health')
  })

  test('is told too when it is bad', async () => {
    await using fake = await FakeSluice.start()
    fake.answers.push({ status: 503, body: { status: 'unhealthy' } })
    const health = await new Sluice({ baseUrl: fake.url }).health()
    expect(health.status).toBe('unhealthy')
  })
})

describe('a server that does not answer as Sluice does', () => {
  test('is not there', async () => {
    await expect(new Sluice({ baseUrl: 'http://127.0.0.1:1' }).health()).rejects.toMatchObject({
      name: 'SluiceUnreachable',
      url: 'http://127.0.0.1:1',
      mayHaveArrived: false,
      message:
        'Nothing answers at http://127.0.0.1:1. Start Sluice there, or give another address.',
    })
  })

  test('is too slow', async () => {
    await using fake = await FakeSluice.start()
    fake.answers.push('silence')
    const sluice = new Sluice({ baseUrl: fake.url, timeoutMs: 20 })
    await expect(sluice.status('a')).rejects.toMatchObject({
      name: 'SluiceUnreachable',
      message: `${fake.url} did not answer within 0.02 s.`,
    })
  })

  test.each([
    [
      'breaks off in the middle of a chunk',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n',
    ],
    ['is compressed otherwise than it says', `HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n{}`],
    ['is no HTTP', 'SSH-2.0-OpenSSH\r\n'],
  ])('was there, where its answer %s', async (_, answer) => {
    const server = createServer((socket) => {
      socket.once('data', () => socket.end(answer)).on('error', () => {})
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const baseUrl = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
    await expect(new Sluice({ baseUrl }).status('a')).rejects.toMatchObject({
      name: 'SluiceUnreachable',
      message: `The connection to ${baseUrl} broke before the answer was complete. Try again.`,
      mayHaveArrived: true,
    })
    server.close()
  })

  test('may have been there, where nobody can tell, as in browsers', async () => {
    const failing = () => Promise.reject(new TypeError('Failed to fetch'))
    await expect(new Sluice({ fetch: failing }).status('a')).rejects.toMatchObject({
      name: 'SluiceUnreachable',
      mayHaveArrived: true,
    })
  })

  test.each([Number.POSITIVE_INFINITY, 2 ** 31])(
    'is waited for as long as %d ms',
    async (timeoutMs) => {
      await using fake = await FakeSluice.start()
      const health = await new Sluice({ baseUrl: fake.url, timeoutMs }).health()
      expect(health.status).toBe('healthy')
    },
  )

  test.each([
    [200, '<html></html>'],
    [502, '<html></html>'],
    [404, { message: 'Not found' }],
  ])('is another program (%i)', async (status, body) => {
    await using fake = await FakeSluice.start()
    fake.answers.push({ status, body })
    const answer = new Sluice({ baseUrl: fake.url }).status('a')
    await expect(answer).rejects.toMatchObject({ name: 'SluiceError', status })
    await expect(answer).rejects.toThrow(`answered ${status}, but not as Sluice does`)
  })

  test.each([
    'localhost:8000',
    'sluice',
    'ftp://localhost',
    'http://localhost/?a',
    'http://me:secret@localhost',
  ])('cannot even be asked (%s)', (baseUrl) => {
    expect(() => new Sluice({ baseUrl })).toThrow('baseUrl must be a URL such as')
    expect(() => new Sluice({ baseUrl })).not.toThrow('secret')
  })
})

test('an address may have blanks around it, and slashes at its end', async () => {
  await using fake = await FakeSluice.start()
  const health = await new Sluice({ baseUrl: ` ${fake.url}//\n` }).health()
  expect(health.status).toBe('healthy')
  expect(fake.received[0]?.path).toBe('/health')
})

test('ids are escaped in addresses', async () => {
  await using fake = await FakeSluice.start()
  fake.answers.push({ status: 200, body: {} })
  await new Sluice({ baseUrl: fake.url }).status('../health?a')
  expect(fake.received[0]?.path).toBe('/status/..%2Fhealth%3Fa')
})

test('another fetch can stand in for the global one', async () => {
  const asked: string[] = []
  const sluice = new Sluice({
    baseUrl: 'http://sluice.test',
    fetch: (input) => {
      asked.push(String(input))
      return Promise.resolve(Response.json({ status: 'healthy' }))
    },
  })
  expect(await sluice.health()).toEqual({ status: 'healthy' })
  expect(asked).toEqual(['http://sluice.test/health'])
})
