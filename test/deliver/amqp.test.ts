import amqplib, { type ChannelModel, type GetMessage } from 'amqplib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AmqpConfig } from '../../src/deliver/kinds/amqp/config.ts'
import { judge } from '../../src/deliver/kinds/amqp/judge.ts'
import { amqp } from '../../src/deliver/kinds/amqp.ts'
import { findCommand, needing } from '../support/command.ts'
import { freePort } from '../support/postgres.ts'
import { type RabbitServer, startRabbit } from '../support/rabbitmq.ts'
import { call, TRACEPARENT } from './calls.ts'
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

const COMMAND = findCommand('rabbitmq-server')

describe.skipIf(COMMAND === null)(needing('rabbitmq-server', 'a RabbitMQ broker'), () => {
  let server: RabbitServer
  let admin: ChannelModel

  beforeAll(async () => {
    server = await startRabbit(COMMAND ?? '')
    const { port, user: username, password } = server
    admin = await amqplib.connect({ hostname: '127.0.0.1', port, username, password })
    const channel = await admin.createChannel()
    await channel.assertExchange('contacts', 'topic')
    await channel.assertQueue('from-crm')
    await channel.bindQueue('from-crm', 'contacts', 'contact.crm')
    await channel.assertQueue('direct')
    await channel.assertQueue('full', {
      maxLength: 1,
      arguments: { 'x-overflow': 'reject-publish' },
    })
    await channel.close()
  }, 60_000)

  afterAll(async () => {
    await admin.close()
    await server.stop()
  })

  function connect(config: Partial<AmqpConfig>, { port = server.port, timeout = 10_000 } = {}) {
    const url = `amqp://${server.user}:${server.password}@127.0.0.1:${port}`
    const all = { url, routing_key: 'direct', allow_private: LOOPBACK, ...config }
    return connectKind(amqp, all, { timeout })
  }

  /** What is in a queue, taken out of it. */
  async function taken(queue: string): Promise<readonly GetMessage[]> {
    const channel = await admin.createChannel()
    const messages: GetMessage[] = []
    for (;;) {
      const message = await channel.get(queue, { noAck: true })
      if (message === false) break
      messages.push(message)
    }
    await channel.close()
    return messages
  }

  function connectOver(port: number, tls: AmqpConfig['tls']) {
    const url = `amqps://${server.user}:${server.password}@127.0.0.1:${port}`
    return connect({ url, ...(tls && { tls }) })
  }

  describe('over TLS', () => {
    test('is trusted where its authority is named', async () => {
      const secure = await tlsTo(server.port, 'server')
      const answer = await connectOver(secure, { ca: pem('ca.crt') }).write(call(), { n: 1 })
      expect(answer).toMatchObject({ kind: 'delivered' })
      expect(await taken('direct')).toHaveLength(1)
    })

    test.each(NOT_TRUSTED)('is not trusted with the certificate %s and %j', async (name, tls) => {
      const secure = await tlsTo(server.port, name)
      expect(await connectOver(secure, tls).write(call(), {})).toMatchObject(UNTRUSTED)
    })
  })

  test('gets each payload as a persistent message, by whose id a repeat is told', async () => {
    const connection = connect({ exchange: 'contacts', routing_key: 'contact.{source}' })
    const answer = await connection.write(call(), { text: 'ü' })
    expect(answer).toEqual({ kind: 'delivered', result: null })
    const [message] = await taken('from-crm')
    expect(message?.content.toString()).toBe('{"text":"ü"}')
    expect(message?.properties).toMatchObject({
      messageId: 'request-1:0',
      deliveryMode: 2,
      contentType: 'application/json',
      headers: {
        traceparent: TRACEPARENT,
        'sluice-request-id': 'request-1',
        'sluice-mapping-id': 'map_001',
      },
    })
  })

  test('gets many in their order, and each is confirmed for itself', async () => {
    const { bulk } = connect({ routing_key: '{id}' })
    const deliveries = [
      ...Array.from({ length: 50 }, (_, n) => ({ ...delivery('direct', n) })),
      delivery('no queue', 'canary'),
    ].map(({ call: each, payload }, n) => ({
      call: { ...each, idempotencyKey: `b:${n}` },
      payload,
    }))
    const answers = await bulk?.writeMany(deliveries, new AbortController().signal)
    expect(answers?.slice(0, 50).every(({ kind }) => kind === 'delivered')).toBe(true)
    expect(answers?.[50]).toEqual({
      kind: 'declined',
      stage: 'write',
      manner: 'rejected',
      message: 'The broker has no queue for this routing key.',
    })
    const contents = (await taken('direct')).map(({ content }) => Number(content.toString()))
    expect(contents).toEqual(Array.from({ length: 50 }, (_, n) => n))
  })

  test('that cannot take it is unavailable', async () => {
    const connection = connect({ routing_key: 'full' })
    await connection.write(call(), 1)
    const answer = await connection.write(call(), 2)
    expect(answer).toMatchObject({ kind: 'declined', manner: 'unavailable' })
  })

  test('without the exchange is misconfigured, and works again when it is there', async () => {
    const connection = connect({ exchange: 'later', routing_key: 'any' })
    const answer = await connection.write(call(), 1)
    expect(answer).toMatchObject({ kind: 'misconfigured', code: 'no_such_exchange' })
    const channel = await admin.createChannel()
    await channel.assertExchange('later', 'fanout')
    await channel.bindQueue('direct', 'later', '')
    expect(await connection.write(call(), 2)).toMatchObject({ kind: 'delivered' })
    await channel.deleteExchange('later')
    await channel.close()
  })

  test('with wrong credentials is held, with a wrong virtual host misconfigured', async () => {
    const at = `127.0.0.1:${server.port}`
    const wrong = await connect({ url: `amqp://sluice:canary-no@${at}` }).write(call(), 1)
    expect(wrong).toMatchObject({ kind: 'declined', manner: 'unauthorized' })
    const url = `amqp://${server.user}:${server.password}@${at}/canary`
    const elsewhere = await connect({ url }).write(call(), 1)
    expect(elsewhere).toMatchObject({ kind: 'misconfigured', code: 'no_such_virtual_host' })
    expect(JSON.stringify([wrong, elsewhere])).not.toContain('canary')
  })

  test('never gets a routing key that is longer than AMQP has room for, and takes the others', async () => {
    const { bulk } = connect({ routing_key: '{id}' })
    const long = 'ü'.repeat(128)
    const { signal } = new AbortController()
    const answers = await bulk?.writeMany([delivery(long, 1), delivery('direct', 2)], signal)
    expect(answers).toEqual([
      {
        kind: 'impossible',
        stage: 'write',
        code: 'invalid_routing_key',
        message: 'With this mapping the routing key would be longer than 255 bytes.',
      },
      { kind: 'delivered', result: null },
    ])
  })

  test('whose connection breaks is found again', async () => {
    const way = await proxyTo(server.port)
    const connection = connect({}, { port: way.port })
    expect(await connection.write(call(), 1)).toMatchObject({ kind: 'delivered' })
    way.cut()
    // Whether the first one notices depends on who is faster.
    await connection.write(call(), 2)
    expect(await connection.write(call(), 3)).toMatchObject({ kind: 'delivered' })
  })
})

describe('a broker', () => {
  function connect(port: number, timeout = 10_000) {
    const url = `amqp://a:canary@127.0.0.1:${port}`
    return connectKind(amqp, { url, routing_key: 'x', allow_private: LOOPBACK }, { timeout })
  }

  test('that says nothing is given up in time, and an interrupted call at once', async () => {
    const { port } = await proxyTo(null)
    const answer = await connect(port, 50).write(call(), {})
    expect(answer).toMatchObject({ kind: 'unanswered', code: 'timeout' })
    const stop = new AbortController()
    const interrupted = connect(port).write(call({}, stop.signal), {})
    stop.abort()
    expect(await interrupted).toEqual({ kind: 'interrupted' })
  })

  test('that is not there has not answered', async () => {
    const answer = await connect(await freePort()).write(call(), {})
    expect(answer).toMatchObject({ kind: 'unanswered', code: 'connection_failed' })
    expect(JSON.stringify(answer)).not.toContain('canary')
  })

  test('at an address that is not allowed is not connected to', async () => {
    const config = { url: 'amqp://127.0.0.1:1', routing_key: 'x' }
    const answer = await connectKind(amqp, config).write(call(), {})
    expect(answer).toMatchObject({ kind: 'misconfigured', code: 'address_not_allowed' })
  })
})

test.each([
  [Object.assign(new Error('canary'), { code: 403 }), { manner: 'unauthorized' }],
  [Object.assign(new Error('canary'), { code: 404 }), { kind: 'misconfigured' }],
  [new Error('message nacked'), { manner: 'unavailable' }],
  [new Error('channel closed'), { code: 'connection_failed' }],
])('%s is judged, and its words not told', (error, expected) => {
  const refusal = judge(error, 'write')
  expect(refusal).toMatchObject(expected)
  expect(JSON.stringify(refusal)).not.toContain('canary')
})
