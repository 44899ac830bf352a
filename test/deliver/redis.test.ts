import type { ChildProcess } from 'node:child_process'
import { createClient, type RedisClientType } from 'redis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RedisConfig } from '../../src/deliver/kinds/redis/config.ts'
import { judge } from '../../src/deliver/kinds/redis/judge.ts'
import { redis } from '../../src/deliver/kinds/redis.ts'
import { end, findCommand, needing, startCommand } from '../support/command.ts'
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
