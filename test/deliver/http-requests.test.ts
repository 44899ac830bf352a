import { describe, expect, test } from 'vitest'
import type { HttpConfig } from '../../src/deliver/kinds/http/config.ts'
import { call } from './calls.ts'
import { answer, connect, goodTarget, rawTarget } from './targets.ts'

/** What a target sees of one write. */
async function seenOf(config: Omit<HttpConfig, 'base_url'>, payload = {}, mapping = {}) {
  const { url, seen } = await goodTarget('{}')
  await connect({ base_url: url, ...config }).write(call(mapping), payload)
  return seen[0]
}

describe('basic auth', () => {
  test('sends name and password as RFC 7617 has it, in UTF-8', async () => {
    const auth = { type: 'basic', username: 'ada', password: 'pä:ss' } as const
    const seen = await seenOf({ auth })
    const sent = Buffer.from('ada:pä:ss').toString('base64')
    expect(seen?.headers.authorization).toBe(`Basic ${sent}`)
  })

  test('is not shown, in neither form', async () => {
    const token = Buffer.from('ada:canary-password').toString('base64')
    const { url } = await goodTarget(`{"you sent": "${token}", "of": "canary-password"}`)
    const auth = { type: 'basic', username: 'ada', password: 'canary-password' } as const
    expect(await connect({ base_url: url, auth }).write(call(), {})).toEqual({
      kind: 'delivered',
      result: { 'you sent': '[secret]', of: '[secret]' },
    })
  })
})

describe('a query', () => {
  test.each([
    [{ by: '{id}' }, '/c?by=map_001'],
    [{ by: '{source} to {target}', 'a&b': 'x&y=z' }, '/c?by=crm%20to%20shop&a%26b=x%26y%3Dz'],
    [{ in: '{request_id}' }, '/c?in=request-1'],
  ])('%j is made for each call', async (query, url) => {
    expect((await seenOf({ write: { path: '/c', query } }))?.url).toBe(url)
  })

  test('goes on where the path has begun one', async () => {
    const write = { path: '/c?x=1', query: { id: '{id}' } }
    expect((await seenOf({ write }))?.url).toBe('/c?x=1&id=map_001')
  })

  test('cannot be left by what is put into it', async () => {
    const write = { path: '/c', query: { id: '{id}', last: '1' } }
    const seen = await seenOf({ write }, {}, { id: 'a&admin=1#../..\r\nx: y' })
    expect(seen?.url).toBe('/c?id=a%26admin%3D1%23..%2F..%0D%0Ax%3A%20y&last=1')
  })

  test('is there for reads as well', async () => {
    const { url, seen } = await goodTarget('{}')
    const read = { path: '/{id}', query: { fields: 'name,mail' }, headers: { 'X-Of': '{source}' } }
    await connect({ base_url: url, read }).read?.(call())
    expect(seen[0]?.url).toBe('/map_001?fields=name%2Cmail')
    expect(seen[0]?.headers).toMatchObject({ 'x-of': 'crm' })
  })
})

describe('a header of one sort of call', () => {
  test('is made for each call, and goes before that of every call', async () => {
    const seen = await seenOf({
      headers: { 'X-A': 'common', 'X-B': 'common', Accept: 'text/plain' },
      write: { headers: { 'x-a': 'own', 'X-C': '{id} from {source}', accept: 'text/{target}' } },
    })
    expect(seen?.headers).toMatchObject({
      'x-a': 'own',
      'x-b': 'common',
      'x-c': 'map_001 from crm',
      accept: 'text/shop',
    })
  })

  test('cannot be left by what is put into it', async () => {
    const write = { headers: { 'X-Id': 'id={id}' } }
    const seen = await seenOf({ write }, {}, { id: 'é\r\nEvil: 1' })
    expect(seen?.headers['x-id']).toBe('id=%C3%A9%0D%0AEvil%3A%201')
    expect(seen?.headers).not.toHaveProperty('evil')
  })

  test('does not take the place of our credentials', async () => {
    const auth = { type: 'bearer', token: 'secret' } as const
    const seen = await seenOf({ auth, write: { headers: { Authorization: 'for {id}' } } })
    expect(seen?.headers.authorization).toBe('Bearer secret')
  })
})

describe('a body', () => {
  test.each([
    [{ name: 'Ada & Co', n: 1, on: true, none: null }, 'name=Ada+%26+Co&n=1&on=true&none='],
    [{}, ''],
  ])('as a form of %j', async (payload, body) => {
    const seen = await seenOf({ write: { body: 'form' } }, payload)
    expect(seen?.body).toBe(body)
    expect(seen?.headers['content-type']).toBe('application/x-www-form-urlencoded')
  })

  test.each([
    ['text ü', 'text ü'],
    [1.5, '1.5'],
    [false, 'false'],
  ])('as a text of %j', async (payload, body) => {
    const { url, seen } = await goodTarget('{}')
    await connect({ base_url: url, write: { body: 'text' } }).write(call(), payload)
    expect(seen[0]?.body).toBe(body)
    expect(seen[0]?.headers['content-type']).toBe('text/plain; charset=utf-8')
  })

  test.each([
    ['form', { deep: {} }],
    ['form', { list: [] }],
    ['form', []],
    ['form', 'text'],
    ['form', null],
    ['text', {}],
    ['text', []],
    ['text', null],
  ] as const)('as a %s of %j cannot be', async (body, payload) => {
    const { url, seen } = await goodTarget('{}')
    const ending = await connect({ base_url: url, write: { body } }).write(call(), payload)
    expect(ending).toMatchObject({ kind: 'impossible', stage: 'write', code: 'invalid_payload' })
    expect(seen).toEqual([])
  })
})

describe('the result', () => {
  test.each([
    ['/data/id', 7],
    ['/data', { id: 7, 'a/b': [1, { c: null }] }],
    ['/data/a~1b/1/c', null],
    ['none', null],
    ['/data/nothing', '(the answer has nothing in that place)'],
    ['/data/id/deeper', '(the answer has nothing in that place)'],
    ['/data/a~1b/2', '(the answer has nothing in that place)'],
    ['/data/a~1b/length', '(the answer has nothing in that place)'],
    ['/__proto__', '(the answer has nothing in that place)'],
  ])('%s is picked out of the answer', async (result, expected) => {
    const large = 'x'.repeat(10_000)
    const { url } = await goodTarget(
      JSON.stringify({ large, data: { id: 7, 'a/b': [1, { c: null }] } }),
    )
    expect(await connect({ base_url: url, write: { result } }).write(call(), {})).toEqual({
      kind: 'delivered',
      result: expected,
    })
  })

  test('is not kept where it is large all the same', async () => {
    const { url } = await goodTarget(JSON.stringify({ large: 'x'.repeat(5000) }))
    const ending = await connect({ base_url: url, write: { result: '/large' } }).write(call(), {})
    expect(ending).toMatchObject({ result: '(an answer of 5002 bytes, too large to keep)' })
  })

  test('cannot be too deep to tell', async () => {
    const { url } = await goodTarget(`{"x":${'['.repeat(100_000)}${']'.repeat(100_000)}}`)
    const ending = await connect({ base_url: url, write: { result: '/x' } }).write(call(), {})
    expect(ending).toMatchObject({ result: '(an answer nested too deeply to keep)' })
  })
})

describe('the record', () => {
  test('is picked out of the answer', async () => {
    const { url } = await goodTarget('{"data": [{"name": "Ada"}]}')
    const read = { path: '/', record: '/data/0' }
    const ending = await connect({ base_url: url, read }).read?.(call())
    expect(ending).toEqual({ kind: 'record', record: { name: 'Ada' } })
  })

  test('that is not there is told', async () => {
    const { url } = await goodTarget('{"data": []}')
    const read = { path: '/', record: '/data/0' }
    expect(await connect({ base_url: url, read }).read?.(call())).toMatchObject({
      kind: 'impossible',
      code: 'invalid_record',
      message: 'The source answered with JSON that has nothing where the record should be.',
    })
  })
})

describe('ok', () => {
  test.each([
    [[200, 409], 409, 'delivered'],
    [['200-204', '400-499'], 404, 'delivered'],
    [[200], 201, 'refused'],
    [[409], 200, 'refused'],
  ])('of %j makes %i %s', async (ok, status, kind) => {
    const url = await rawTarget((socket) => socket.write(answer(`${status} x`)))
    expect(await connect({ base_url: url, ok }).write(call(), {})).toMatchObject({ kind })
  })
})
