import { describe, expect, test } from 'vitest'
import type { Json } from '../../src/core/units.ts'
import type { Delivery } from '../../src/deliver/kind.ts'
import type { BulkConfig } from '../../src/deliver/kinds/http/bulk-config.ts'
import { call, TRACEPARENT } from './calls.ts'
import { answer, connect, goodTarget, rawTarget } from './targets.ts'

const { signal } = new AbortController()

/** One delivery for each id. */
function deliveries(...ids: readonly string[]): readonly Delivery[] {
  return ids.map((id, ordinal) => ({
    call: { ...call({ id }), idempotencyKey: `request-1:${ordinal}` },
    payload: { name: id },
  }))
}

async function handOver(base_url: string, bulk: Partial<BulkConfig>, sent: readonly Delivery[]) {
  const config = { base_url, bulk: { path: '/bulk', max: 100, ...bulk } }
  return connect(config).bulk?.writeMany(sent, signal)
}

/** The answers to a bulk call that is answered so. */
async function answers(bulk: Partial<BulkConfig>, body: Json, ids = ['a', 'b', 'c'], status = 200) {
  const url = await rawTarget((socket) =>
    socket.write(answer(`${status} x\r\ncontent-type: application/json`, JSON.stringify(body))),
  )
  return handOver(url, bulk, deliveries(...ids))
}

function taken(result: Json = null) {
  return { kind: 'delivered', result }
}

function refused(httpStatus: number, message: string) {
  return { kind: 'refused', stage: 'write', httpStatus, retryAfter: null, message }
}

function unread(message: string) {
  return { kind: 'unanswered', stage: 'write', code: 'invalid_response', message }
}

const NOT_MENTIONED = unread('The answer to the bulk call does not say what became of this one.')

test('its answer may begin with a byte order mark', async () => {
  const url = await rawTarget((socket) => socket.write(answer('200 x', '\uFEFF[{"status":201}]')))
  const bulk = { answers: { by: 'index', status: '/status' } } as const
  expect(await handOver(url, bulk, deliveries('a'))).toEqual([taken()])
})

test('there is none where the systems file has none', () => {
  expect(connect({ base_url: 'http://127.0.0.1:1' }).bulk).toBeNull()
})

describe('a bulk call', () => {
  test('carries all payloads as a list', async () => {
    const { url, seen } = await goodTarget('')
    const config = {
      base_url: `${url}/api`,
      bulk: { path: '/bulk', max: 7, headers: { 'X-A': 'b' } },
    }
    const connection = connect(config)
    expect(connection.bulk?.max).toBe(7)
    const endings = await connection.bulk?.writeMany(deliveries('a', 'b'), signal)
    expect(endings).toEqual([taken(), taken()])
    expect(seen).toMatchObject([
      { method: 'POST', url: '/api/bulk', body: '[{"name":"a"},{"name":"b"}]' },
    ])
    expect(seen[0]?.headers).toMatchObject({
      'content-type': 'application/json',
      'sluice-request-id': 'request-1',
      traceparent: TRACEPARENT,
      'x-a': 'b',
    })
    expect(seen[0]?.headers).not.toHaveProperty('sluice-mapping-id')
  })

  test('can carry them under a name', async () => {
    const { url, seen } = await goodTarget('')
    await handOver(url, { method: 'PUT', wrap: 'it"ems' }, deliveries('a', 'b'))
    expect(seen[0]).toMatchObject({
      method: 'PUT',
      body: '{"it\\"ems":[{"name":"a"},{"name":"b"}]}',
    })
  })

  test('has a key of its own, the same for the same mappings in any order', async () => {
    const { url, seen } = await goodTarget('')
    const [a, b, c] = deliveries('a', 'b', 'c')
    if (a === undefined || b === undefined || c === undefined) throw new Error()
    for (const sent of [[a, b], [b, a], [a, c], [a]]) await handOver(url, {}, sent)
    const [ab, ba, ac, alone] = seen.map(({ headers }) => headers['idempotency-key'])
    expect(ab).toMatch(/^[\w-]{43}$/)
    expect(ba).toBe(ab)
    expect(new Set([ab, ac, alone]).size).toBe(3)
  })

  test('names no request where it holds mappings of several', async () => {
    const { url, seen } = await goodTarget('')
    const [a, b] = deliveries('a', 'b')
    if (a === undefined || b === undefined) throw new Error()
    await handOver(url, {}, [a, { ...b, call: { ...b.call, request: 'request-2' } }])
    expect(seen[0]?.headers).not.toHaveProperty('sluice-request-id')
  })

  test('leaves out what cannot be written, and carries the others', async () => {
    const { url, seen } = await goodTarget('')
    const deep: Json = JSON.parse('['.repeat(100_000) + ']'.repeat(100_000))
    const [a, b, c] = deliveries('a', 'b', 'c')
    if (a === undefined || b === undefined || c === undefined) throw new Error()
    const endings = await handOver(url, {}, [a, { ...b, payload: deep }, c])
    expect(endings).toMatchObject([
      taken(),
      { kind: 'impossible', code: 'invalid_payload' },
      taken(),
    ])
    expect(seen[0]?.body).toBe('[{"name":"a"},{"name":"c"}]')
    expect(await handOver(url, {}, [{ ...b, payload: deep }])).toMatchObject([
      { kind: 'impossible' },
    ])
    expect(seen).toHaveLength(1)
  })

  test('that would be too long is not made: its halves may do', async () => {
    const { url, seen } = await goodTarget('')
    const [a, b] = deliveries('a', 'b')
    if (a === undefined || b === undefined) throw new Error()
    const long = { ...a, payload: 'x'.repeat(16_000_000) }
    const tooMuch = { kind: 'impossible', code: 'invalid_payload', divisible: true }
    expect(await handOver(url, {}, [long, b])).toMatchObject([tooMuch, tooMuch])
    expect(seen).toEqual([])
    expect(await handOver(url, {}, [long])).toMatchObject([taken()])
  })

  test.each([429, 401, 500, 422])('that is answered %i is that for each', async (status) => {
    const url = await rawTarget((socket) => socket.write(answer(`${status} x\r\nretry-after: 7`)))
    const all = { kind: 'refused', stage: 'write', httpStatus: status, retryAfter: 7000 }
    expect(await handOver(url, {}, deliveries('a', 'b'))).toMatchObject([all, all])
  })

  test.each([
    [400, true],
    [413, true],
    [422, true],
    [404, undefined],
    [429, undefined],
    [500, undefined],
  ])('that is answered %i may be about some of them: %s', async (status, divisible) => {
    const url = await rawTarget((socket) => socket.write(answer(`${status} x`)))
    const [first] = (await handOver(url, {}, deliveries('a', 'b'))) ?? []
    expect(first?.kind === 'refused' && first.divisible).toBe(divisible)
  })

  test('without an answer is unanswered for each', async () => {
    const url = await rawTarget((socket) => socket.destroy())
    const all = { kind: 'unanswered', code: 'connection_failed' }
    expect(await handOver(url, {}, deliveries('a', 'b'))).toMatchObject([all, all])
  })

  test('that is interrupted is that for each', async () => {
    const stop = new AbortController()
    const url = await rawTarget(() => stop.abort())
    const connection = connect({ base_url: url, bulk: { path: '/', max: 2 } })
    const interrupted = { kind: 'interrupted' }
    expect(await connection.bulk?.writeMany(deliveries('a', 'b'), stop.signal)).toEqual([
      interrupted,
      interrupted,
    ])
  })

  test('that is answered 207 cannot be read without being told how', async () => {
    const held = { kind: 'misconfigured', code: 'bulk_answers_unknown' }
    expect(await answers({}, [], ['a', 'b'], 207)).toMatchObject([held, held])
  })
})

test('what the answer says of the limit is learned', async () => {
  const url = await rawTarget((socket) => socket.write(answer('200 OK\r\nratelimit: "d";r=7;t=5')))
  const [first] = (await handOver(url, {}, deliveries('a'))) ?? []
  expect(first).toMatchObject({ kind: 'delivered', learned: { remaining: 7 } })
})

test('what it says of the limit is learned also where it tells of each, and where it refuses', async () => {
  const head = 'x\r\ncontent-type: application/json\r\nratelimit: "d";r=7;t=5'
  for (const [status, body] of [
    [207, '[{"status":422},{"status":200}]'],
    [422, '{}'],
  ] as const) {
    const url = await rawTarget((socket) => socket.write(answer(`${status} ${head}`, body)))
    const bulk = { answers: { by: 'index', status: '/status' } } as const
    const learned = { remaining: 7 }
    expect(await handOver(url, bulk, deliveries('a', 'b'))).toMatchObject([
      { learned },
      { learned },
    ])
  }
})

describe('answers by index', () => {
  const by = 'index'

  test('give each mapping its status, its result and its message', async () => {
    const bulk = {
      answers: { by, list: '/items', status: '/status', result: '/is', message: '/why' },
    }
    const items = [
      { status: 201, is: { id: 1 } },
      { status: 422, why: 'no\nemail' },
      { status: '429' },
    ]
    expect(await answers({ ...bulk } as BulkConfig, { items }, ['a', 'b', 'c'], 207)).toEqual([
      taken({ id: 1 }),
      refused(422, 'Answered 422 Unprocessable Entity for this one of a bulk call: no email'),
      refused(429, 'Answered 429 Too Many Requests for this one of a bulk call.'),
    ])
  })

  test('may say true or false', async () => {
    const bulk = { answers: { by, ok: '/taken', message: '/error' } } as const
    const items = [{ taken: true }, { taken: false, error: { code: 7 } }, { taken: 'yes' }]
    expect(await answers(bulk, items)).toEqual([
      taken(),
      refused(200, 'Answered 200 OK for this one of a bulk call: {"code":7}'),
      unread('The answer to the bulk call cannot be read for this one.'),
    ])
  })

  test('that are missing leave their mappings unanswered', async () => {
    const bulk = { answers: { by, status: '/status' } } as const
    expect(await answers(bulk, [{ status: 200 }])).toEqual([taken(), NOT_MENTIONED, NOT_MENTIONED])
  })

  test.each([{ status: 999 }, { status: null }, {}, null, 'text', { status: 200.5 }])(
    'such as %j cannot be read',
    async (item) => {
      const bulk = { answers: { by, status: '/status' } } as const
      expect(await answers(bulk, [item], ['a'])).toMatchObject([{ code: 'invalid_response' }])
    },
  )

  test.each([{}, 'text', null, { items: {} }])(
    'that are no list, %j, are no answers',
    async (body) => {
      const bulk = { answers: { by, list: '/items', status: '/status' } } as const
      const none = unread('The answer to the bulk call holds no list where one should be.')
      expect(await answers(bulk, body, ['a', 'b'])).toEqual([none, none])
    },
  )
})

describe('answers by id', () => {
  const bulk = { answers: { by: 'id', id: '/ref/id', status: '/status', result: '/n' } } as const

  function item(id: Json, status: number, n: number) {
    return { ref: { id }, status, n }
  }

  test('are found in any order, and what is not named is unanswered', async () => {
    const items = [item('c', 409, 3), item('unknown', 200, 0), item('a', 200, 1)]
    expect(await answers(bulk, items)).toEqual([
      taken(1),
      NOT_MENTIONED,
      refused(409, 'Answered 409 Conflict for this one of a bulk call.'),
    ])
  })

  test('may be numbers', async () => {
    expect(await answers(bulk, [item(2, 200, 2), item(1, 200, 1)], ['1', '2'])).toEqual([
      taken(1),
      taken(2),
    ])
  })

  test('that no text can be made of name nobody, and harm nobody', async () => {
    const odd = { toString: 7 }
    const statusless = { ref: { id: 'b' }, status: odd }
    const items = [item(odd, 200, 1), { status: 200 }, statusless, item('a', 200, 2)]
    expect(await answers(bulk, items, ['a', 'b', 'undefined'])).toEqual([
      taken(2),
      unread('The answer to the bulk call cannot be read for this one.'),
      NOT_MENTIONED,
    ])
  })

  test('that come twice go to mappings of that id in turn', async () => {
    expect(
      await answers(bulk, [item('a', 200, 1), item('a', 422, 2)], ['a', 'a', 'a']),
    ).toMatchObject([taken(1), { httpStatus: 422 }, NOT_MENTIONED])
  })
})
