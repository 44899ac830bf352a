import type { Socket } from 'node:net'
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib'
import type { Behaviour } from './targets.ts'

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

/** A target that gives no answer that can be used. */
export interface Row {
  readonly target: string
  readonly behave: Behaviour
  readonly code: 'timeout' | 'connection_failed' | 'invalid_response'
  readonly says: RegExp
}

/** Every one of them must end within its deadline, as an answer that says why. */
export const HOSTILE: readonly Row[] = [
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

const GZIP_BOMB = gzipSync(Buffer.alloc(8_000_000))
const BROTLI_BOMB = brotliCompressSync(Buffer.alloc(8_000_000))
const ZSTD_BOMB = zstdCompressSync(Buffer.alloc(8_000_000))

/** Sends a body as one that is encoded so. */
export function encoded(socket: Socket, status: string, encoding: string, body: Buffer): void {
  const head = [
    `HTTP/1.1 ${status}`,
    'content-type: application/json',
    `content-encoding: ${encoding}`,
    `content-length: ${body.length}`,
    'connection: close',
  ]
  socket.write(`${head.join('\r\n')}\r\n\r\n`)
  socket.write(body)
}

/** Bodies that are left unread. The status has been said by then, and counts. */
export const UNFIT: readonly {
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
    target: 'sends a bomb of zstd after an empty frame',
    behave: (socket, status) =>
      encoded(socket, status, 'zstd', Buffer.concat([zstdCompressSync(''), ZSTD_BOMB])),
    is: 'larger than 10000 bytes',
  },
  {
    target: 'sends more frames of zstd than anybody would',
    behave: (socket, status) =>
      encoded(socket, status, 'zstd', Buffer.concat(Array(101).fill(zstdCompressSync('')))),
    is: 'in more than 100 frames of zstd',
  },
  {
    target: 'sends something else after a frame of zstd',
    behave: (socket, status) =>
      encoded(socket, status, 'zstd', Buffer.concat([zstdCompressSync('{}'), Buffer.from('x')])),
    is: 'not encoded in the way it says',
  },
  {
    target: 'sends something else after gzip and a zero byte',
    behave: (socket, status) =>
      encoded(socket, status, 'gzip', Buffer.concat([gzipSync('{}'), Buffer.from('\0x')])),
    is: 'not encoded in the way it says',
  },
  {
    target: 'sends something else after brotli',
    behave: (socket, status) =>
      encoded(socket, status, 'br', Buffer.concat([brotliCompressSync('{}'), Buffer.from('x')])),
    is: 'not encoded in the way it says',
  },
  {
    target: 'encodes the answer twice',
    behave: (socket, status) => encoded(socket, status, 'gzip, gzip', gzipSync(gzipSync('{}'))),
    is: 'encoded in a way that was not asked for',
  },
  {
    target: 'says twice how the answer is encoded',
    behave: (socket, status) =>
      encoded(socket, status, 'gzip\r\ncontent-encoding: gzip', gzipSync('{}')),
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
