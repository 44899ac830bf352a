import { createServer, type IncomingMessage } from 'node:http'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { HttpConfig } from '../../src/deliver/kinds/http/config.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { eventually } from '../support/eventually.ts'
import { call } from './calls.ts'
import { connect, listen } from './targets.ts'

interface Reply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

interface Seen {
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** A server that replies as it is told, and keeps what it saw. */
async function replying(reply: (seen: Seen, nth: number) => Reply | Promise<Reply>) {
  const seen: Seen[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const one = { headers: request.headers, body }
    seen.push(one)
    const { status, headers, body: answer } = await reply(one, seen.length)
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(answer === undefined ? '' : JSON.stringify(answer))
  })
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: await listen(server), seen }
}

/** A token endpoint whose tokens are numbered. */
function issuing(more: object = { expires_in: 3600 }) {
  return replying((_, nth) => ({
    status: 200,
    body: { access_token: `canary-token-${nth}`, token_type: 'Bearer', ...more },
  }))
}

/** A target that takes only that token. */
function taking(token: () => string) {
  return replying(({ headers }) => {
    return { status: headers.authorization === `Bearer ${token()}` ? 200 : 401, body: {} }
  })
}

function auth(
  tokens: { readonly url: string },
  more: object = {},
): NonNullable<HttpConfig['auth']> {
  const type = 'oauth2_client_credentials'
  const client = { client_id: 'id:1', client_secret: 'canary-secret&' }
  return { type, token_url: `${tokens.url}/token`, ...client, ...more }
}

const MANY = 16

describe('a token', () => {
  test('is asked for once, whoever needs it, and then used again', async () => {
    const tokens = await issuing()
    const target = await taking(() => 'canary-token-1')
    const connection = connect({ base_url: target.url, auth: auth(tokens) })
    for (let round = 0; round < 2; round++) {
      const calls = Array.from({ length: MANY }, () => connection.write(call(), {}))
      for (const ending of await Promise.all(calls)) expect(ending.kind).toBe('delivered')
    }
    expect(tokens.seen).toHaveLength(1)
    expect(target.seen).toHaveLength(2 * MANY)
  })

  test('is asked for as RFC 6749 has it', async () => {
    const tokens = await issuing()
    const target = await taking(() => 'canary-token-1')
    const more = { scope: 'write all', audience: 'https://shop' }
    await connect({ base_url: target.url, auth: auth(tokens, more) }).write(call(), {})
    const credentials = Buffer.from('id%3A1:canary-secret%26').toString('base64')
    expect(tokens.seen[0]?.headers).toMatchObject({
      authorization: `Basic ${credentials}`,
      'content-type': 'application/x-www-form-urlencoded',
    })
    expect(Object.fromEntries(new URLSearchParams(tokens.seen[0]?.body))).toEqual({
      grant_type: 'client_credentials',
      scope: 'write all',
      audience: 'https://shop',
    })
  })

  test('can be asked for with the credentials in the body', async () => {
    const tokens = await issuing()
    const target = await taking(() => 'canary-token-1')
    const inBody = auth(tokens, { credentials_in: 'body' })
    await connect({ base_url: target.url, auth: inBody }).write(call(), {})
    expect(tokens.seen[0]?.headers).not.toHaveProperty('authorization')
    expect(Object.fromEntries(new URLSearchParams(tokens.seen[0]?.body))).toEqual({
      grant_type: 'client_credentials',
      client_id: 'id:1',
      client_secret: 'canary-secret&',
    })
  })

  test.each([
    ['expires_in', { expires_in: 100 }, 89_000, 91_000],
    ['a text of expires_in', { expires_in: '100' }, 89_000, 91_000],
    ['a long expires_in', { expires_in: 36_000 }, 35_969_000, 35_971_000],
  ])('with %s is renewed shortly before', async (_, more, before, after) => {
    let now = 0
    const clock = { ...systemClock, now: () => now }
    const tokens = await issuing(more)
    const target = await replying(() => ({ status: 200 }))
    const connection = connect({ base_url: target.url, auth: auth(tokens) }, { clock })
    for (const at of [0, before, after]) {
      now = at
      await connection.write(call(), {})
    }
    expect(target.seen.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer canary-token-1',
      'Bearer canary-token-1',
      'Bearer canary-token-2',
    ])
  })

  test('that is refused is renewed once for all, and every call is made once more', async () => {
    const tokens = await issuing({})
    const target = await taking(() => 'canary-token-2')
    const connection = connect({ base_url: target.url, auth: auth(tokens) })
    const calls = Array.from({ length: 4 }, () => connection.write(call(), { n: 1 }))
    for (const ending of await Promise.all(calls)) expect(ending.kind).toBe('delivered')
    expect(tokens.seen).toHaveLength(2)
    expect(target.seen).toHaveLength(8)
    expect(new Set(target.seen.map(({ body }) => body))).toEqual(new Set(['{"n":1}']))
  })

  test('that is refused again is told as refused by the target', async () => {
    const tokens = await issuing()
    const target = await taking(() => 'another')
    const connection = connect({ base_url: target.url, auth: auth(tokens), read: { path: '/' } })
    const refused = { kind: 'refused', httpStatus: 401 }
    expect(await connection.write(call(), {})).toMatchObject({ ...refused, stage: 'write' })
    expect(await connection.read?.(call())).toMatchObject({ ...refused, stage: 'read' })
    expect(target.seen).toHaveLength(4)
  })

  test('is never shown, nor is what it was asked with', async () => {
    const tokens = await issuing()
    const target = await replying(({ headers }) => {
      return { status: 200, body: { sent: headers.authorization, secret: 'canary-secret&' } }
    })
    const connection = connect({ base_url: target.url, auth: auth(tokens) })
    expect(await connection.write(call(), {})).toEqual({
      kind: 'delivered',
      result: { sent: 'Bearer [secret]', secret: '[secret]' },
    })
  })

  test('is not shown by a call that was made with it and ends after it was renewed', async () => {
    const tokens = await issuing()
    const late = Promise.withResolvers<void>()
    const target = await replying(async ({ headers }, nth) => {
      if (nth === 1) await late.promise
      const sent = headers.authorization
      return { status: nth === 2 ? 401 : 200, body: { sent } }
    })
    const connection = connect({ base_url: target.url, auth: auth(tokens) })
    const first = connection.write(call(), {})
    await eventually(() => expect(target.seen).toHaveLength(1))
    const second = await connection.write(call(), {})
    late.resolve()
    const shown = { kind: 'delivered', result: { sent: 'Bearer [secret]' } }
    expect([await first, second]).toEqual([shown, shown])
    expect(tokens.seen).toHaveLength(2)
  })

  test('replaces a header of our own', async () => {
    const tokens = await issuing()
    const target = await taking(() => 'canary-token-1')
    const headers = { Authorization: 'Basic old' }
    const connection = connect({ base_url: target.url, headers, auth: auth(tokens) })
    expect(await connection.write(call(), {})).toMatchObject({ kind: 'delivered' })
  })
})

describe('a token endpoint', () => {
  async function endingOf(reply: Reply) {
    const tokens = await replying(() => reply)
    const target = await replying(() => ({ status: 200 }))
    const connection = connect({ base_url: target.url, auth: auth(tokens) })
    const ending = await connection.write(call(), {})
    expect(target.seen).toEqual([])
    expect(JSON.stringify(ending)).not.toContain('canary')
    return ending
  }

  test.each([400, 401, 403, 404, 302])(
    'that will not, with %i, holds the system',
    async (status) => {
      const body = { error: 'invalid_client', sent: 'canary-secret&' }
      expect(await endingOf({ status, body })).toMatchObject({
        kind: 'declined',
        stage: 'write',
        manner: 'unauthorized',
        message: expect.stringMatching(
          `^The token endpoint did not give us a token. Answered ${status}`,
        ),
      })
    },
  )

  test.each([
    [500, undefined, null],
    [503, '7', 7000],
    [429, '7', 7000],
    [408, undefined, null],
    [425, undefined, null],
  ])(
    'that cannot now, with %i, is a refusal like the target’s',
    async (status, after, retryAfter) => {
      const headers = after === undefined ? {} : { 'retry-after': after }
      expect(await endingOf({ status, headers })).toMatchObject({
        kind: 'refused',
        stage: 'write',
        httpStatus: status,
        retryAfter,
      })
    },
  )

  test.each(['header', 'body'])('shows nothing of our %s that it sends back', async (sentIn) => {
    const tokens = await replying(({ headers, body }) => ({
      status: 400,
      body: { header: headers.authorization ?? null, body },
    }))
    const base_url = 'http://127.0.0.1:1'
    const connection = connect({ base_url, auth: auth(tokens, { credentials_in: sentIn }) })
    const ending = JSON.stringify(await connection.write(call(), {}))
    expect(ending).toContain('[secret]')
    expect(ending).not.toContain('canary')
    expect(ending).not.toContain(Buffer.from('id%3A1:canary-secret%26').toString('base64'))
  })

  test.each([
    [undefined],
    [[]],
    [{}],
    [{ access_token: 7 }],
    [{ access_token: 'canary with spaces' }],
    [{ access_token: 'canary', token_type: 'mac' }],
  ])('that answers %j has given no token', async (body) => {
    expect(await endingOf({ status: 200, body })).toMatchObject({
      kind: 'unanswered',
      stage: 'write',
      code: 'invalid_response',
    })
  })

  test('whose expires_in is no number has given a token all the same', async () => {
    const tokens = await issuing({ expires_in: { toString: 7 } })
    const target = await taking(() => 'canary-token-1')
    const connection = connect({ base_url: target.url, auth: auth(tokens) })
    expect(await connection.write(call(), {})).toMatchObject({ kind: 'delivered' })
  })

  test('that recovers is asked again by the next call', async () => {
    const tokens = await replying((_, nth) =>
      nth === 1 ? { status: 500 } : { status: 200, body: { access_token: 'good' } },
    )
    const target = await taking(() => 'good')
    const connection = connect({ base_url: target.url, auth: auth(tokens) })
    expect(await connection.write(call(), {})).toMatchObject({ kind: 'refused' })
    expect(await connection.write(call(), {})).toMatchObject({ kind: 'delivered' })
  })

  test('that hangs ends each call within its deadline, and no call for another', async () => {
    const hanging = await replying(() => new Promise<Reply>(() => {}))
    const target = await replying(() => ({ status: 200 }))
    const config = { base_url: target.url, auth: auth(hanging) }
    const connection = connect(config, { timeout: 300 })
    const stop = new AbortController()
    const stopped = connection.write(call({}, stop.signal), {})
    const other = connection.write(call(), {})
    stop.abort()
    expect(await stopped).toEqual({ kind: 'interrupted' })
    expect(await other).toMatchObject({ kind: 'unanswered', code: 'timeout' })
    expect(hanging.seen).toHaveLength(1)
  })

  test('must be at an address that is allowed', async () => {
    const target = await replying(() => ({ status: 200 }))
    const url = 'http://169.254.169.254'
    const connection = connect({ base_url: target.url, auth: auth({ url }) })
    expect(await connection.write(call(), {})).toMatchObject({
      kind: 'misconfigured',
      code: 'address_not_allowed',
    })
  })
})

test('a call that waits for its token has one deadline, all in all', async () => {
  const tokens = await issuing()
  const target = await replying(() => new Promise<Reply>(() => {}))
  const connection = connect({ base_url: target.url, auth: auth(tokens) }, { timeout: 300 })
  expect(await connection.write(call(), {})).toMatchObject({ kind: 'unanswered', code: 'timeout' })
})
