import type { Socket } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { call } from './calls.ts'
import { answer, type Behaviour, connect, rawTarget } from './targets.ts'

setFlagsFromString('--expose-gc')

const NOW = Date.UTC(2026, 0, 1)

/** Says `text` again and again, until the other side has had enough. */
function repeat(socket: Socket, text: string): void {
  const timer = setInterval(() => socket.write(text), 10)
  socket.on('close', () => clearInterval(timer))
}

/** As fast as the other side takes it. */
function flood(socket: Socket, text: string): void {
  const more = () => {
    while (!socket.destroyed && socket.write(text));
  }
  socket.on('drain', more)
  more()
}

interface Row {
  readonly target: string
  readonly behave: Behaviour
  readonly code: 'timeout' | 'connection_failed' | 'invalid_response'
  readonly says: RegExp
}

/** Every one of them must end within its deadline, as an answer that says why. */
const HOSTILE: readonly Row[] = [
  {
    target: 'takes the call and says nothing',
    behave: () => {},
    code: 'timeout',
    says: /no complete answer within 300 ms/,
  },
  {
    target: 'stops in the middle of the head',
    behave: (socket) => socket.write('HTTP/1.1 200 OK\r\nx: '),
    code: 'timeout',
    says: /no complete answer/,
  },
  {
    target: 'drips a header for ever',
    behave: (socket) => {
      socket.write('HTTP/1.1 200 OK\r\nx: ')
      repeat(socket, 'a')
    },
    code: 'timeout',
    says: /no complete answer/,
  },
  {
    target: 'drips a body for ever',
    behave: (socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9000\r\n\r\n')
      repeat(socket, 'a')
    },
    code: 'timeout',
    says: /no complete answer/,
  },
  {
    target: 'sends early hints for ever',
    behave: (socket) => repeat(socket, 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'),
    code: 'timeout',
    says: /no complete answer/,
  },
  {
    target: 'hangs up without a word',
    behave: (socket) => socket.end(),
    code: 'connection_failed',
    says: /closed before the answer was complete/,
  },
  {
    target: 'resets the connection',
    behave: (socket) => socket.resetAndDestroy(),
    code: 'connection_failed',
    says: /closed before the answer was complete/,
  },
  {
    target: 'resets in the middle of the body',
    behave: (socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf', () => {
        setImmediate(() => socket.resetAndDestroy())
      })
    },
    code: 'connection_failed',
    says: /closed before the answer was complete/,
  },
  {
    target: 'ends in the middle of the body',
    behave: (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf'),
    code: 'connection_failed',
    says: /closed before the answer was complete/,
  },
  {
    target: 'ends in the middle of a chunk',
    behave: (socket) =>
      socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\nhalf'),
    code: 'connection_failed',
    says: /closed before the answer was complete/,
  },
  {
    target: 'does not speak HTTP',
    behave: (socket) => socket.end('SSH-2.0-canary\r\n'),
    code: 'invalid_response',
    says: /is not HTTP/,
  },
  {
    target: 'gives two lengths',
    behave: (socket) =>
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab'),
    code: 'invalid_response',
    says: /HTTP|long/,
  },
  {
    target: 'sends a chunk of no length',
    behave: (socket) =>
      socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\ncanary\r\n\r\n'),
    code: 'invalid_response',
    says: /is not HTTP/,
  },
  {
    target: 'floods the head',
    behave: (socket) => {
      socket.write('HTTP/1.1 200 OK\r\n')
      flood(socket, `x: ${'a'.repeat(1000)}\r\n`)
    },
    code: 'invalid_response',
    says: /headers of the answer are too large/,
  },
  {
    target: 'switches to another protocol',
    behave: (socket) =>
      socket.write('HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'),
    code: 'connection_failed',
    says: /closed/,
  },
]

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

const GZIP_BOMB = gzipSync(Buffer.alloc(8_000_000))
const BROTLI_BOMB = brotliCompressSync(Buffer.alloc(8_000_000))

function encoded(socket: Socket, status: string, encoding: string, body: Buffer): void {
  const head = [
    `HTTP/1.1 ${status}`,
    'content-type: application/json',
    `content-encoding: ${encoding}`,
    `content-length: ${body.length}`,
  ]
  socket.write(`${head.join('\r\n')}\r\n\r\n`)
  socket.write(body)
}

/** Bodies that are left unread. The status has been said by then, and counts. */
const UNFIT: readonly {
  readonly target: string
  readonly behave: (socket: Socket, status: string) => void
  readonly is: string
}[] = [
  {
    target: 'announces a huge body',
    behave: (socket, status) => socket.write(`HTTP/1.1 ${status}\r\ncontent-length: 10001\r\n\r\n`),
    is: 'larger than 10000 bytes',
  },
  {
    target: 'floods the body',
    behave: (socket, status) => {
      socket.write(`HTTP/1.1 ${status}\r\n\r\n`)
      flood(socket, 'a'.repeat(1000))
    },
    is: 'larger than 10000 bytes',
  },
  {
    target: 'sends a bomb of gzip',
    behave: (socket, status) => encoded(socket, status, 'gzip', GZIP_BOMB),
    is: 'larger than 10000 bytes',
  },
  {
    target: 'sends a bomb of brotli',
    behave: (socket, status) => encoded(socket, status, 'br', BROTLI_BOMB),
    is: 'larger than 10000 bytes',
  },
  {
    target: 'encodes the answer twice',
    behave: (socket, status) => encoded(socket, status, 'gzip, gzip', gzipSync(gzipSync('{}'))),
    is: 'encoded in a way that was not asked for',
  },
  {
    target: 'does not encode the answer as it says',
    behave: (socket, status) => encoded(socket, status, 'gzip', Buffer.from('canary')),
    is: 'not encoded in the way it says',
  },
  {
    target: 'breaks off in the middle of the encoding',
    behave: (socket, status) => encoded(socket, status, 'gzip', gzipSync('canary').subarray(0, 15)),
    is: 'not encoded in the way it says',
  },
]

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
  ['identity', Buffer.from],
])('an answer in %s is understood', async (encoding, encode) => {
  const url = await rawTarget((socket) => {
    encoded(socket, '200 OK', encoding, encode(Buffer.from('{"id":7}')))
  })
  const connection = connect({ base_url: url, read: { path: '/' } })
  expect(await connection.write(call(), {})).toEqual({ kind: 'delivered', result: { id: 7 } })
  expect(await connection.read?.(call())).toEqual({ kind: 'record', record: { id: 7 } })
})

test('floods and bombs leave memory flat', async () => {
  const targets = [...HOSTILE, ...UNFIT].map(({ behave }) => {
    return rawTarget((socket) => behave(socket, '200 OK'))
  })
  const connections = (await Promise.all(targets)).map((base_url) => {
    return connect({ base_url, max_response: '10KB' }, { timeout: 100 })
  })
  const round = () => Promise.all(connections.map((connection) => connection.write(call(), {})))
  for (let n = 0; n < 3; n++) await round()
  const before = held()
  for (let n = 0; n < 10; n++) await round()
  expect(held() - before).toBeLessThan(8e6)
})

/** What is still needed of the memory, in bytes. */
function held(): number {
  runInNewContext('gc')()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
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
    message: expect.stringContaining('perhaps base_url needs http://'),
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
