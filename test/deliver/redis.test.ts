import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { createClient, type RedisClientType } from 'redis'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { RedisConfig } from '../../src/deliver/kinds/redis/config.ts'
import { judge } from '../../src/deliver/kinds/redis/judge.ts'
import { redis } from '../../src/deliver/kinds/redis.ts'
import { end, findCommand, needing, startCommand } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/postgres.ts'
import { call } from './calls.ts'
import {
  connectKind,
  delivery,
  LOOPBACK,
  NOT_TRUSTED,
  proxyTo,
  tlsTo,
  UNTRUSTED,
} from './systems-under-test.ts'
import { pem } from './tls/pem.ts'

const COMMAND = findCommand('redis-server')
const PASSWORD = 'canary-password'

function connect(port: number, config: Partial<RedisConfig> = {}, options = {}) {
  const url = `redis://:${PASSWORD}@127.0.0.1:${port}`
  return connectKind(redis, { url, stream: 's', allow_private: LOOPBACK, ...config }, options)
}

function connectOver(port: number, tls: RedisConfig['tls']) {
  return connect(port, { url: `rediss://:${PASSWORD}@127.0.0.1:${port}`, ...(tls && { tls }) })
}

/** A server that answers whatever it is told with `reply`, or not at all; and knows who is connected. */
async function mute(reply = '') {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('data', () => socket.write(reply)).on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { port, open: () => sockets.size }
}

describe.skipIf(COMMAND === null)(needing('redis-server', 'a Redis server'), () => {
  let port: number
  let server: ChildProcess
  let admin: RedisClientType

  async function start(): Promise<void> {
    const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
    server = await startCommand(
      COMMAND ?? '',
      [...args, '--requirepass', PASSWORD, '--dir', '/tmp'],
      'Ready to accept connections',
    )
  }

  beforeAll(async () => {
    port = await freePort()
    await start()
    admin = createClient({ url: `redis://:${PASSWORD}@127.0.0.1:${port}` })
    admin.on('error', () => {})
    await admin.connect()
  })

  afterAll(async () => {
    admin.destroy()
    await end(server)
  })

  describe('over TLS', () => {
    test('is trusted where its authority is named', async () => {
      const secure = await tlsTo(port, 'server')
      const answer = await connectOver(secure, { ca: pem('ca.crt') }).write(call(), { n: 1 })
      expect(answer).toMatchObject({ kind: 'delivered' })
    })

    test.each(NOT_TRUSTED)('is not trusted with the certificate %s and %j', async (name, tls) => {
      const secure = await tlsTo(port, name)
      expect(await connectOver(secure, tls).write(call(), {})).toMatchObject(UNTRUSTED)
    })
  })

  test('gets each payload as an entry of the stream, with what tells a repeat', async () => {
    const connection = connect(port, { stream: 'to {target} from {source}' })
    const answer = await connection.write(call({ id: 'a' }), { n: 1, text: 'ü' })
    const entries = await admin.xRange('to shop from crm', '-', '+')
    expect(entries).toMatchObject([
      {
        message: {
          mapping_id: 'a',
          idempotency_key: 'request-1:0',
          payload: '{"n":1,"text":"ü"}',
        },
      },
    ])
    expect(answer).toEqual({ kind: 'delivered', result: { id: entries?.[0]?.id } })
  })

  test('gets many in their order', async () => {
    const { bulk } = connect(port, { stream: 'many' })
    const deliveries = Array.from({ length: 100 }, (_, n) => delivery(`m${n}`, n))
    const answers = await bulk?.writeMany(deliveries, new AbortController().signal)
    expect(answers?.every(({ kind }) => kind === 'delivered')).toBe(true)
    const entries = await admin.xRange('many', '-', '+')
    expect(entries?.map(({ message }) => message['payload'])).toEqual(
      deliveries.map((_, n) => String(n)),
    )
  })

  test('keeps about as many entries as it should', async () => {
    const { bulk } = connect(port, { stream: 'short', max_length: 100 })
    for (let round = 0; round < 10; round++) {
      const deliveries = Array.from({ length: 100 }, (_, n) => delivery(`m${n}`, n))
      await bulk?.writeMany(deliveries, new AbortController().signal)
    }
    expect(await admin.xLen('short')).toBeLessThan(300)
  })

  test('that has something else of this name refuses it', async () => {
    await admin.set('text', 'not a stream')
    const { bulk } = connect(port, { stream: '{id}' })
    const answers = await bulk?.writeMany(
      [delivery('text', 1), delivery('stream', 2)],
      new AbortController().signal,
    )
    expect(answers).toMatchObject([
      { kind: 'declined', manner: 'rejected', message: expect.stringContaining('WRONGTYPE') },
      { kind: 'delivered' },
    ])
  })

  test.each(['', ':canary-wrong@'])('with the credentials "%s" is held', async (credentials) => {
    const connection = connect(port, { url: `redis://${credentials}127.0.0.1:${port}` })
    const answer = await connection.write(call(), {})
    expect(answer).toMatchObject({ kind: 'declined', manner: 'unauthorized' })
    expect(JSON.stringify(answer)).not.toContain('canary')
  })

  test('that was away is found again', async () => {
    const connection = connect(port, { stream: 'away' })
    expect(await connection.write(call(), 1)).toMatchObject({ kind: 'delivered' })
    await end(server)
    expect(await connection.write(call(), 2)).toMatchObject({ code: 'connection_failed' })
    expect(await connection.write(call(), 3)).toMatchObject({ code: 'connection_failed' })
    await start()
    expect(await connection.write(call(), 4)).toMatchObject({ kind: 'delivered' })
  })
})

test('a server that says nothing is given up in time, and an interrupted call at once', async () => {
  const silent = await proxyTo(null)
  const answer = await connect(silent.port, {}, { timeout: 50 }).write(call(), {})
  expect(answer).toMatchObject({ kind: 'unanswered', code: 'timeout' })
  const stop = new AbortController()
  const interrupted = connect(silent.port).write(call({}, stop.signal), {})
  stop.abort()
  expect(await interrupted).toEqual({ kind: 'interrupted' })
})

test('no connection is kept to a server that takes it and says nothing', async () => {
  const { port, open } = await mute()
  const connection = connect(port, {}, { timeout: 50 })
  for (let nth = 0; nth < 3; nth++) {
    expect(await connection.write(call(), {})).toMatchObject({ code: 'timeout' })
  }
  await eventually(() => expect(open()).toBe(0))
})

test.each([
  ['ERR max number of clients reached', { kind: 'declined', manner: 'unavailable' }],
  ['ERR unknown command `HELLO`', { kind: 'misconfigured' }],
  ['ERR AUTH <password> called without any password configured', { kind: 'misconfigured' }],
  ['DENIED Redis is running in protected mode', { kind: 'misconfigured' }],
  ['WRONGPASS invalid username-password pair', { kind: 'declined', manner: 'unauthorized' }],
])('a server that receives us with "%s" has refused no payload', async (words, expected) => {
  const { port } = await mute(`-${words}\r\n`)
  expect(await connect(port).write(call(), {})).toMatchObject(expected)
})

test('an address that is not allowed is not connected to', async () => {
  const url = 'redis://127.0.0.1:1'
  const answer = await connectKind(redis, { url, stream: 's' }).write(call(), {})
  expect(answer).toMatchObject({ kind: 'misconfigured', code: 'address_not_allowed' })
})

test.each([
  ['OOM command not allowed when used memory > maxmemory', 'unavailable'],
  ['LOADING Redis is loading the dataset in memory', 'unavailable'],
  ['NOPERM this user has no permissions', 'unauthorized'],
  ['ERR canary', 'rejected'],
])('"%s" is %s', (message, manner) => {
  const refusal = judge(new Error(message), 'write')
  expect(refusal).toMatchObject({ kind: 'declined', manner })
  expect(JSON.stringify(refusal)).not.toContain('canary')
})
