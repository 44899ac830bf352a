import { getEventListeners, once } from 'node:events'
import { describe, expect, test } from 'vitest'
import type { Clock } from '../../src/lib/clock.ts'
import { call, TRACEPARENT } from './calls.ts'
import { answer, connect, goodTarget, rawTarget } from './targets.ts'

describe('a write', () => {
  test('sends the payload as JSON, and says for which mapping', async () => {
    const { url, seen } = await goodTarget('{}')
    await connect({ base_url: url }).write(call(), { field1: 'wért' })
    expect(seen).toEqual([
      { method: 'POST', url: '/', headers: expect.anything(), body: '{"field1":"wért"}' },
    ])
    expect(seen[0]?.headers).toEqual({
      host: new URL(url).host,
      connection: 'keep-alive',
      accept: 'application/json',
      'accept-encoding': 'gzip, br, zstd',
      'content-type': 'application/json',
      'content-length': '18',
      'idempotency-key': 'request-1:0',
      'sluice-request-id': 'request-1',
      traceparent: TRACEPARENT,
      'sluice-mapping-id': 'map_001',
      'user-agent': 'sluice/0.0.0',
    })
  })

  test.each([null, 0, false, '', 'text', [1]])('can send %j', async (payload) => {
    const { url, seen } = await goodTarget('')
    await connect({ base_url: url }).write(call(), payload)
    expect(seen[0]?.body).toBe(JSON.stringify(payload))
  })

  test('goes where the systems file says, with its headers and credentials', async () => {
    const { url, seen } = await goodTarget('{}')
    await connect({
      base_url: `${url}/api/`,
      headers: { 'X-Tenant': 'blue', Accept: 'application/hal+json' },
      auth: { type: 'bearer', token: 'secret' },
      write: { method: 'PUT', path: '/contacts/{id}?from={source}' },
    }).write(call(), {})
    expect(seen[0]).toMatchObject({ method: 'PUT', url: '/api/contacts/map_001?from=crm' })
    expect(seen[0]?.headers).toMatchObject({
      'x-tenant': 'blue',
      accept: 'application/hal+json',
      authorization: 'Bearer secret',
    })
  })

  test('goes to base_url itself where it has no path of its own', async () => {
    const { url, seen } = await goodTarget('{}')
    await connect({ base_url: `${url}/api/items` }).write(call(), {})
    expect(seen[0]?.url).toBe('/api/items')
  })

  test('carries one credential where a header of that name is given as well', async () => {
    const { url, seen } = await goodTarget('{}')
    const headers = { Authorization: 'Basic old' }
    await connect({ base_url: url, headers, auth: { type: 'bearer', token: 'new' } }).write(
      call(),
      {},
    )
    expect(seen[0]?.headers).toMatchObject({ authorization: 'Bearer new' })
  })

  test('can carry its credentials in a header of any name', async () => {
    const { url, seen } = await goodTarget('{}')
    const auth = { type: 'header', name: 'X-Api-Key', value: 'secret' } as const
    await connect({ base_url: url, auth }).write(call(), {})
    expect(seen[0]?.headers).toMatchObject({ 'x-api-key': 'secret' })
  })

  test('names a mapping in the header whatever its id', async () => {
    const { url, seen } = await goodTarget('{}')
    const connection = connect({ base_url: url })
    for (const id of ['a b', 'é\r\nEvil: 1', '\ud800', '../x']) {
      await connection.write(call({ id }), {})
    }
    expect(seen.map(({ headers }) => headers['sluice-mapping-id'])).toEqual([
      'a%20b',
      '%C3%A9%0D%0AEvil%3A%201',
      '%EF%BF%BD',
      '../x',
    ])
  })

  test('cannot be made of a payload without a bottom', async () => {
    const { url, seen } = await goodTarget('{}')
    const deep = JSON.parse('['.repeat(100_000) + ']'.repeat(100_000))
    expect(await connect({ base_url: url }).write(call(), deep)).toMatchObject({
      kind: 'impossible',
      code: 'invalid_payload',
    })
    expect(seen).toEqual([])
  })
})

describe('an id in a path', () => {
  test.each([
    ['../../x', '/v1/..%2F..%2Fx/edit'],
    ['a/b?c#d', '/v1/a%2Fb%3Fc%23d/edit'],
    ['%2e%2e', '/v1/%252e%252e/edit'],
    ['ünï', '/v1/%C3%BCn%C3%AF/edit'],
    ['a\r\nb', '/v1/a%0D%0Ab/edit'],
    ['...', '/v1/.../edit'],
  ])('%j stays within its segment', async (id, path) => {
    const { url, seen } = await goodTarget('{}')
    await connect({ base_url: url, write: { path: '/v1/{id}/edit' } }).write(call({ id }), {})
    expect(seen[0]?.url).toBe(path)
  })

  test.each(['.', '..'])('%j is never sent', async (id) => {
    const { url, seen } = await goodTarget('{}')
    const connection = connect({ base_url: url, write: { path: '/{id}' }, read: { path: '/{id}' } })
    const unsafe = { kind: 'impossible', code: 'unsafe_path' }
    expect(await connection.write(call({ id }), {})).toMatchObject(unsafe)
    expect(await connection.read?.(call({ id }))).toMatchObject(unsafe)
    expect(seen).toEqual([])
  })
})

describe('the result', () => {
  const JSON_TYPE = 'application/json; charset=utf-8'
  test.each([
    ['{"id": 7}', JSON_TYPE, { id: 7 }],
    ['\uFEFF{"id": 7}', JSON_TYPE, { id: 7 }],
    ['null', JSON_TYPE, null],
    ['{"id": 7}', 'application/vnd.api+json', { id: 7 }],
    ['{broken', JSON_TYPE, '{broken'],
    ['{"id": 7}', 'text/plain', '{"id": 7}'],
    ['', JSON_TYPE, null],
    [JSON.stringify('x'.repeat(4094)), JSON_TYPE, 'x'.repeat(4094)],
    ['x'.repeat(4097), JSON_TYPE, '(an answer of 4097 bytes, too large to keep)'],
  ])('of %j as %s', async (body, type, result) => {
    const { url } = await goodTarget(body, type)
    expect(await connect({ base_url: url }).write(call(), {})).toEqual({
      kind: 'delivered',
      result,
    })
  })

  test('never holds our own secrets, should the target send them back', async () => {
    const { url } = await goodTarget('{"you sent": "Bearer canary-token", "key": "canary-header"}')
    const connection = connect({
      base_url: url,
      headers: { 'x-key': 'canary-header' },
      auth: { type: 'bearer', token: 'canary-token' },
    })
    expect(await connection.write(call(), {})).toEqual({
      kind: 'delivered',
      result: { 'you sent': 'Bearer [secret]', key: '[secret]' },
    })
  })

  test('holds no rest of a secret either, of which another one is a part', async () => {
    const { url } = await goodTarget('"canary-token-of-today"')
    const headers = { 'x-key': 'canary-token' }
    const auth = { type: 'bearer', token: 'canary-token-of-today' } as const
    const connection = connect({ base_url: url, headers, auth })
    expect(await connection.write(call(), {})).toEqual({ kind: 'delivered', result: '[secret]' })
  })

  test.each([
    ['{"sent":"Bearer ab\\/cd+ef==gh\\n"}', { sent: 'Bearer [secret]\n' }],
    ['{"sent":"Bearer ab/cd\\u002Bef\\u003d\\u003dgh"}', { sent: 'Bearer [secret]' }],
    ['{"sent":"say \\"canary\\""}', { sent: '[secret]' }],
    ['{"path":"C:\\\\temp", "n": 1.0}', { path: 'C:\\temp', n: 1 }],
  ])('never holds our own secrets, however JSON spells them: %s', async (body, result) => {
    const config = {
      headers: { 'x-key': 'say "canary"' },
      auth: { type: 'bearer', token: 'ab/cd+ef==gh' },
    } as const
    const { url } = await goodTarget(body)
    const delivered = { kind: 'delivered', result }
    expect(await connect({ base_url: url, ...config }).write(call(), {})).toEqual(delivered)
    const refusing = await rawTarget((socket) =>
      socket.write(answer('422 x\r\ncontent-type: application/json', body)),
    )
    const refused = await connect({ base_url: refusing, ...config }).write(call(), {})
    const kept = JSON.stringify(result)
    const message = `Answered 422 Unprocessable Entity: ${kept.includes('[secret]') ? kept : body}`
    expect(refused).toMatchObject({ message })
  })

  test('never holds the query that we asked with, should the target quote the address', async () => {
    const url = await rawTarget((socket) =>
      socket.write(
        answer(
          '404 x\r\ncontent-type: text/plain',
          'Cannot POST /c?token=canary-own&key=canary%2Bkey&of=map_001',
        ),
      ),
    )
    const write = { path: '/c?token=canary-own', query: { key: 'canary+key', of: '{id}' } }
    expect(await connect({ base_url: url, write }).write(call(), {})).toMatchObject({
      message: 'Answered 404 Not Found: Cannot POST /c?[secret]&[secret]&of=map_001',
    })
  })

  test('never holds what came by reference, though it be only a part of a path or a query', async () => {
    const { url } = await goodTarget(
      '{"by itself": "canary+key", "encoded": "canary%2Bkey", "step": "canary-step"}',
    )
    const write = { path: '/hooks/canary-step?v=1', query: { key: 'canary+key' } }
    const secrets = ['canary-step', 'canary+key']
    expect(await connect({ base_url: url, write }, { secrets }).write(call(), {})).toMatchObject({
      result: { 'by itself': '[secret]', encoded: '[secret]', step: '[secret]' },
    })
  })

  test('may tell where the system is, though that came by reference', async () => {
    const { url } = await goodTarget('{"self": "http://127.0.0.1/orders/7"}')
    const base_url = `${url}/orders`
    const connection = connect({ base_url }, { secrets: ['127.0.0.1', url, base_url] })
    expect(await connection.write(call(), {})).toMatchObject({
      result: { self: 'http://127.0.0.1/orders/7' },
    })
  })

  test('never holds what came by reference behind the host of base_url', async () => {
    const { url } = await goodTarget('{"self": "http://127.0.0.1/canary-hook/7"}')
    const connection = connect({ base_url: `${url}/canary-hook` }, { secrets: ['canary-hook'] })
    expect(await connection.write(call(), {})).toMatchObject({
      result: { self: 'http://127.0.0.1/[secret]/7' },
    })
  })

  test('of a long answer in many pieces is whole', async () => {
    const body = JSON.stringify({ text: 'é'.repeat(1000) })
    const url = await rawTarget((socket) => {
      socket.write(
        `HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`,
      )
      const bytes = Buffer.from(body)
      for (let at = 0; at < bytes.length; at += 7) {
        const piece = bytes.subarray(at, at + 7)
        socket.write(`${piece.length.toString(16)}\r\n`)
        socket.write(piece)
        socket.write('\r\n')
      }
      socket.write('0\r\n\r\n')
    })
    const ending = await connect({ base_url: url }).write(call(), {})
    expect(ending).toEqual({ kind: 'delivered', result: { text: 'é'.repeat(1000) } })
  })
})

describe('a refusal', () => {
  test.each([
    ['422 Nonsense\r\ncontent-type: application/json', '{"error":"no\\u0000 email"}'],
    ['500 x\r\ncontent-type: text/plain', 'two\r\n\tlines'],
  ])('tells the status and what the target said: %s', async (head, body) => {
    const url = await rawTarget((socket) => socket.write(answer(head, body)))
    expect(await connect({ base_url: url }).write(call(), {})).toMatchObject({
      kind: 'refused',
      stage: 'write',
      httpStatus: Number(head.slice(0, 3)),
      message: head.startsWith('422')
        ? 'Answered 422 Unprocessable Entity: {"error":"no\\u0000 email"}'
        : 'Answered 500 Internal Server Error: two lines',
    })
  })

  test.each([
    ['text/html', '<p>canary'],
    ['text/plain', 'canary '.repeat(1000)],
    ['text/plain', 'it was canary-token'],
  ])('does not repeat %s that is not for a person, or our secrets', async (type, body) => {
    const head = `401 x\r\ncontent-type: ${type}`
    const url = await rawTarget((socket) => socket.write(answer(head, body)))
    const auth = { type: 'bearer', token: 'canary-token' } as const
    const ending = await connect({ base_url: url, auth }).write(call(), {})
    expect(ending).toMatchObject({ kind: 'refused', httpStatus: 401 })
    expect(JSON.stringify(ending)).not.toContain('canary')
  })
})

describe('a read', () => {
  test('is not there where the systems file has none', () => {
    expect(connect({ base_url: 'http://127.0.0.1:1' }).read).toBeNull()
  })

  test('fetches the record whole', async () => {
    const record = { name: 'Ada', text: 'x'.repeat(100_000), none: null }
    const { url, seen } = await goodTarget(`\uFEFF${JSON.stringify(record)}`)
    const connection = connect({ base_url: url, read: { path: '/contacts/{id}' } })
    expect(await connection.read?.(call())).toEqual({ kind: 'record', record })
    expect(seen[0]).toMatchObject({ method: 'GET', url: '/contacts/map_001', body: '' })
    expect(seen[0]?.headers).not.toHaveProperty('content-type')
    expect(seen[0]?.headers).toMatchObject({ 'idempotency-key': 'request-1:0' })
  })

  test.each(['', 'text', '{broken', '[1] 2'])('of %j gives no record', async (body) => {
    const { url } = await goodTarget(body)
    const connection = connect({ base_url: url, read: { path: '/' } })
    expect(await connection.read?.(call())).toMatchObject({
      kind: 'impossible',
      stage: 'read',
      code: 'invalid_record',
    })
  })

  test('of bytes that are not UTF-8 gives no record, rather than another one', async () => {
    const url = await rawTarget((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n')
      socket.write(Buffer.from([0x22, 0xff, 0x22]))
    })
    const connection = connect({ base_url: url, read: { path: '/' } })
    expect(await connection.read?.(call())).toMatchObject({ code: 'invalid_record' })
  })

  test('that is refused says that it was the read', async () => {
    const url = await rawTarget((socket) => socket.write(answer('404 Not Found')))
    const connection = connect({ base_url: url, read: { path: '/' } })
    expect(await connection.read?.(call())).toEqual({
      kind: 'refused',
      stage: 'read',
      httpStatus: 404,
      retryAfter: null,
      message: 'Answered 404 Not Found.',
    })
  })
})

describe('a call that is interrupted', () => {
  test('ends at once and lets go of its connection', async () => {
    const stop = new AbortController()
    const closed = Promise.withResolvers<void>()
    const url = await rawTarget((socket) => {
      void once(socket, 'close').then(() => closed.resolve())
      stop.abort()
    })
    const ending = await connect({ base_url: url }).write(call({}, stop.signal), {})
    expect(ending).toEqual({ kind: 'interrupted' })
    await closed.promise
  })

  test('before it began is never sent', async () => {
    const { url, seen } = await goodTarget('{}')
    const ending = await connect({ base_url: url }).write(call({}, AbortSignal.abort()), {})
    expect(ending).toEqual({ kind: 'interrupted' })
    expect(seen).toEqual([])
  })

  test('while it waits for a connection is never sent', async () => {
    const { url, seen } = await goodTarget('{}')
    const connection = connect({ base_url: url })
    const stop = new AbortController()
    const ending = connection.write(call({}, stop.signal), {})
    stop.abort()
    expect(await ending).toEqual({ kind: 'interrupted' })
    await connection.write(call({ id: 'later' }), {})
    expect(seen.map(({ headers }) => headers['sluice-mapping-id'])).toEqual(['later'])
  })
})

test('a call leaves no timer and no listener behind', async () => {
  const timers = new Set<() => void>()
  const clock: Clock = {
    now: () => 0,
    after(_, callback) {
      timers.add(callback)
      return () => timers.delete(callback)
    },
  }
  const { url } = await goodTarget('{}')
  const { signal } = new AbortController()
  await connect({ base_url: url }, { clock }).write(call({}, signal), {})
  expect(timers.size).toBe(0)
  expect(getEventListeners(signal, 'abort')).toEqual([])
})

test('an answer that comes after an early hint is the one that counts', async () => {
  const url = await rawTarget((socket) => {
    socket.write('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n')
    socket.write(answer('201 Created\r\ncontent-type: application/json', '{"id":1}'))
  })
  expect(await connect({ base_url: url }).write(call(), {})).toEqual({
    kind: 'delivered',
    result: { id: 1 },
  })
})

test('a connection goes on being useful after a target has misbehaved', async () => {
  let calls = 0
  const url = await rawTarget((socket) => {
    calls += 1
    if (calls === 1) socket.resetAndDestroy()
    else socket.write(answer('200 OK'))
  })
  const connection = connect({ base_url: url })
  expect(await connection.write(call(), {})).toMatchObject({ kind: 'unanswered' })
  expect(await connection.write(call(), {})).toEqual({ kind: 'delivered', result: null })
})

test('calls that hang do not use up the connections of those after them', async () => {
  let calls = 0
  const url = await rawTarget((socket) => {
    calls += 1
    if (calls > 4) socket.write(answer('200 OK'))
  })
  const connection = connect({ base_url: url }, { timeout: 500 })
  const hanging = Array.from({ length: 4 }, () => connection.write(call(), {}))
  for (const ending of await Promise.all(hanging)) expect(ending).toMatchObject({ code: 'timeout' })
  const later = Array.from({ length: 4 }, () => connection.write(call(), {}))
  for (const ending of await Promise.all(later)) expect(ending).toMatchObject({ kind: 'delivered' })
})
