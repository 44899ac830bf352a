import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { call } from './calls.ts'
import { encoded, HOSTILE, UNFIT } from './hostile-targets.ts'
import { answer, connect, rawTarget } from './targets.ts'

const NOW = Date.UTC(2026, 0, 1)

describe.each(HOSTILE)('a target that $target', ({ behave, code, says }) => {
  test.each(['write', 'read'] as const)('cannot harm a %s', async (stage) => {
    const connection = connect(
      { base_url: await rawTarget(behave), read: { path: '/' }, max_response: '10KB' },
      { timeout: 300 },
    )
    const ending = await (stage === 'read'
      ? connection.read?.(call())
      : connection.write(call(), {}))
    expect(ending).toEqual({
      kind: 'unanswered',
      stage,
      code,
      message: expect.stringMatching(says),
    })
    expect(JSON.stringify(ending)).not.toContain('canary')
  })
})

describe.each(UNFIT)('a target that $target', ({ behave, is }) => {
  async function answering(status: string) {
    const url = await rawTarget((socket) => behave(socket, status))
    return connect({ base_url: url, read: { path: '/' }, max_response: '10KB' })
  }

  test('has taken a write that it says it has taken', async () => {
    expect(await (await answering('201 Created')).write(call(), {})).toEqual({
      kind: 'delivered',
      result: `(the answer is ${is}, and was not kept)`,
    })
  })

  test('gives no record', async () => {
    expect(await (await answering('200 OK')).read?.(call())).toEqual({
      kind: 'unanswered',
      stage: 'read',
      code: 'invalid_response',
      message: `The answer is ${is}.`,
    })
  })

  test('has refused what it says it has refused', async () => {
    const refused = {
      kind: 'refused',
      httpStatus: 422,
      message: 'Answered 422 Unprocessable Entity.',
    }
    const connection = await answering('422 x')
    expect(await connection.write(call(), {})).toMatchObject({ ...refused, stage: 'write' })
    expect(await connection.read?.(call())).toMatchObject({ ...refused, stage: 'read' })
  })
})

test.each([
  ['gzip', gzipSync],
  ['x-gzip', gzipSync],
  ['GZIP', gzipSync],
  ['br', brotliCompressSync],
  ['zstd', zstdCompressSync],
  ['zstd', inTwoFrames],
  ['identity', Buffer.from],
])('an answer in %s is understood', async (encoding, encode) => {
  const url = await rawTarget((socket) => {
    encoded(socket, '200 OK', encoding, encode(Buffer.from('{"id":7}')))
  })
  const connection = connect({ base_url: url, read: { path: '/' } })
  expect(await connection.write(call(), {})).toEqual({ kind: 'delivered', result: { id: 7 } })
  expect(await connection.read?.(call())).toEqual({ kind: 'record', record: { id: 7 } })
})

function inTwoFrames(text: Buffer): Buffer {
  return Buffer.concat(
    [text.subarray(0, 3), text.subarray(3)].map((part) => zstdCompressSync(part)),
  )
}

test('a target that takes no connections is told from one that gives no answer', async () => {
  const connection = connect({ base_url: 'http://127.0.0.1:1' })
  expect(await connection.write(call(), {})).toMatchObject({
    code: 'connection_failed',
    message: 'The connection was refused (ECONNREFUSED).',
  })
})

test('https to a plain port says that it may need http', async () => {
  const url = await rawTarget((socket) => socket.end(answer('400 Bad Request')))
  const connection = connect({ base_url: url.replace('http:', 'https:') })
  expect(await connection.write(call(), {})).toMatchObject({
    code: 'connection_failed',
    message: expect.stringContaining('perhaps the URL needs http://'),
  })
})

describe('a redirect', () => {
  test.each([
    ['http://elsewhere.example/canary?token=canary', 'elsewhere.example'],
    ['//elsewhere.example:8080/canary', 'elsewhere.example:8080'],
  ])('to %s is not followed, and only its host is told', async (location, host) => {
    const url = await rawTarget((socket) =>
      socket.write(answer(`302 Found\r\nlocation: ${location}`)),
    )
    expect(await connect({ base_url: url }).write(call(), {})).toEqual({
      kind: 'refused',
      stage: 'write',
      httpStatus: 302,
      retryAfter: null,
      message: `Answered 302 Found, a redirect to ${host}; redirects are not followed.`,
    })
  })
})

describe('Retry-After', () => {
  test.each([
    ['30', 30_000],
    ['0', 0],
    ['999999999', 999_999_999_000],
    ['Thu, 01 Jan 2026 00:01:00 GMT', 60_000],
    ['Wed, 31 Dec 2025 23:00:00 GMT', 0],
    ['9999999999', null],
    ['1e9', null],
    ['0x10', null],
    ['Infinity', null],
    ['-5', null],
    ['1.5', null],
    ['+5', null],
    ['5s', null],
    ['tomorrow', null],
    ['2026-01-01T00:01:00Z', null],
    ['Thursday, 01-Jan-26 00:01:00 GMT', null],
    ['Thu, 01 Jan 2026 99:01:00 GMT', null],
    ['', null],
  ])('"%s" with a 429 is read as %s', async (header, retryAfter) => {
    const url = await rawTarget((socket) => {
      socket.write(answer(`429 Too Many Requests\r\nretry-after: ${header}`))
    })
    const clock = { now: () => NOW, after: () => () => {} }
    expect(await connect({ base_url: url }, { clock }).write(call(), {})).toEqual({
      kind: 'refused',
      stage: 'write',
      httpStatus: 429,
      retryAfter,
      message: 'Answered 429 Too Many Requests.',
    })
  })
})
