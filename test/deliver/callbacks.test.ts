import { createHmac } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { decide } from '../../src/core/decide.ts'
import { NO_TERMS, type Request } from '../../src/core/request.ts'
import { callbackRules } from '../../src/deliver/callbacks/rules.ts'
import { type CallbackPorts, openCallbacks } from '../../src/deliver/callbacks.ts'
import type { Connection, WriteAnswer } from '../../src/deliver/kind.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { pass } from '../dispatch/time.ts'
import { SimulatedClock } from '../sim/clock.ts'
import { type Received, Receiver, status } from '../support/receiver.ts'
import { call } from './calls.ts'
import { rawTarget } from './targets.ts'

const SECRETS = [1, 2].map((fill) => `whsec_${Buffer.alloc(24, fill).toString('base64')}`)
const ID = '01985a3c-6c1e-7d3a-9a55-0d6f1f0e8a11'
const DONE_AT = Date.UTC(2026, 0, 31, 9, 30)

let receiver: Receiver
let gone: Set<string>
let disabledBy: string[]

beforeEach(async () => {
  receiver = await Receiver.open()
  gone = new Set()
  disabledBy = []
})

/** Callbacks that may go to this machine, closed when the test ends. */
function open(changes: Partial<CallbackPorts> = {}): Connection {
  const connection = openCallbacks({
    secrets: SECRETS,
    allowPrivate: ['127.0.0.0/8'],
    userAgent: 'sluice/0.0.0',
    clock: systemClock,
    statusOf: ({ id, state }) => ({ request_id: id, status: state, details: 'é "quoted"' }),
    isDisabled: async ({ tenant, url }) => gone.has(`${tenant} ${url}`),
    disable: async ({ tenant, url }, request) => {
      gone.add(`${tenant} ${url}`)
      disabledBy.push(request)
    },
    ...changes,
  })
  onTestFinished(() => connection.close())
  return connection
}

function finished(callbackUrl: string, changes: Partial<Request> = {}) {
  return {
    ...{ id: ID, tenant: 'default', priority: 'HIGH', state: 'failed', total: 3, completed: 2 },
    ...{ failed: 1, cancelled: 0, createdAt: 1, startedAt: 2, finishedAt: DONE_AT, metadata: {} },
    ...{ terms: { ...NO_TERMS, callbackUrl }, closing: null, pace: null },
    ...changes,
  }
}

/** Makes one attempt at a callback. */
function write(connection: Connection, url: string, changes: Partial<Request> = {}) {
  return connection.write(call(), { ...finished(url), ...changes } as never)
}

function verify(secret: string, { headers, body }: Received): unknown {
  return new Webhook(secret).verify(body, headers as Record<string, string>)
}

async function heardOnce(): Promise<Received> {
  const [received] = await receiver.heard(1)
  if (received === undefined) throw new Error('it was heard')
  return received
}

describe('a callback', () => {
  test('is a signed message that whoever knows a secret can verify', async () => {
    expect(await write(open(), receiver.url('/done?run=7'))).toEqual({
      kind: 'delivered',
      result: null,
    })
    const received = await heardOnce()
    expect(received).toMatchObject({ method: 'POST', path: '/done?run=7' })
    expect(received.headers).toMatchObject({
      'content-type': 'application/json',
      'user-agent': 'sluice/0.0.0',
      'webhook-id': ID,
      'webhook-timestamp': expect.stringMatching(/^\d{10}$/),
    })
    for (const secret of SECRETS) {
      expect(verify(secret, received)).toEqual({
        type: 'request.failed',
        timestamp: '2026-01-31T09:30:00.000Z',
        data: { request_id: ID, status: 'failed', details: 'é "quoted"' },
      })
    }
    const stranger = `whsec_${Buffer.alloc(24, 3).toString('base64')}`
    expect(() => verify(stranger, received)).toThrow('No matching signature')
    const tampered = { ...received, body: received.body.replace('failed', 'completed') }
    for (const secret of SECRETS) expect(() => verify(secret, tampered)).toThrow('No matching')
  })

  test('is signed as the standard says, found out without the library', async () => {
    await write(open(), receiver.url())
    const { headers, body } = await heardOnce()
    const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`
    const signatures = SECRETS.map((secret) => {
      const key = Buffer.from(secret.slice('whsec_'.length), 'base64')
      return `v1,${createHmac('sha256', key).update(signed).digest('base64')}`
    })
    expect(headers['webhook-signature']).toBe(signatures.join(' '))
  })

  test('is the same at every attempt but for its time and its signature', async () => {
    const clock = new SimulatedClock()
    const connection = open({ clock })
    await write(connection, receiver.url())
    await pass(clock, 90_000)
    await write(connection, receiver.url())
    const [first, second] = receiver.received
    expect(second?.body).toBe(first?.body)
    expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id'])
    const time = (received?: Received) => Number(received?.headers['webhook-timestamp'])
    expect(time(second) - time(first)).toBe(90)
    expect(second?.headers['webhook-signature']).not.toBe(first?.headers['webhook-signature'])
  })

  test.each(['completed', 'failed', 'cancelled'] as const)('tells that it is %s', async (state) => {
    await write(open(), receiver.url(), { state })
    expect(JSON.parse((await heardOnce()).body).type).toBe(`request.${state}`)
  })

  test('with one secret has one signature', async () => {
    await write(open({ secrets: SECRETS.slice(1) }), receiver.url())
    const received = await heardOnce()
    expect(received.headers['webhook-signature']).not.toContain(' ')
    expect(verify(SECRETS[1] ?? '', received)).toMatchObject({ type: 'request.failed' })
  })
})

const RULES = callbackRules(20)

/** What becomes of a callback after its first attempt. */
function verdict(outcome: WriteAnswer) {
  return decide(outcome, 1, RULES, 0, () => 1)
}

describe('an answer', () => {
  test.each([200, 201, 202, 204, 299])('of %i is good, whatever it says', async (code) => {
    receiver.answer = (response) => response.writeHead(code).end(code === 204 ? '' : 'no!')
    expect(verdict(await write(open(), receiver.url()))).toEqual({
      kind: 'completed',
      result: null,
    })
  })

  test.each([300, 302, 400, 401, 403, 404, 407, 408, 409, 411, 422, 500, 502, 503, 504])(
    'of %i is tried again, and holds up nobody else',
    async (code) => {
      receiver.answer = status(code, { location: 'http://canary.example/' })
      const outcome = await write(open(), receiver.url())
      expect(verdict(outcome)).toMatchObject({ kind: 'retry', runAt: 5000 })
      expect(JSON.stringify(outcome)).not.toContain('canary')
      expect(receiver.received).toHaveLength(1)
    },
  )

  test.each([
    [429, {}, 1000],
    [429, { 'retry-after': '30' }, 30_000],
    [503, { 'retry-after': '30' }, 30_000],
  ])('of %i with %j is heeded, and spends nothing', async (code, headers, wait) => {
    receiver.answer = status(code, headers)
    expect(verdict(await write(open(), receiver.url()))).toMatchObject({
      kind: 'snooze',
      runAt: wait,
    })
  })

  test('that says how many calls are left is learned from', async () => {
    receiver.answer = status(200, { ratelimit: '"a";r=0;t=30' })
    expect(await write(open(), receiver.url())).toMatchObject({ learned: { remaining: 0 } })
  })

  test('with words in it is not quoted: who chose the URL may not be who may read them', async () => {
    receiver.answer = (response) => {
      response.writeHead(500, { 'content-type': 'text/plain' }).end('canary')
    }
    expect(await write(open(), receiver.url())).toMatchObject({
      message: 'Answered 500 Internal Server Error.',
    })
  })

  test('without an end is cut off, and its status counts', async () => {
    const url = await rawTarget((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n')
      const more = () => {
        while (!socket.destroyed && socket.write(`10000\r\n${'x'.repeat(65_536)}\r\n`));
      }
      socket.on('drain', more)
      more()
    })
    expect(await write(open(), url)).toEqual({ kind: 'delivered', result: null })
  })
})

describe('a receiver that is gone', () => {
  test('is not called again, but for another URL or another tenant', async () => {
    receiver.answer = status(410)
    const connection = open()
    const first = await write(connection, receiver.url())
    expect(verdict(first)).toMatchObject({ kind: 'failed', error: { httpStatus: 410 } })
    expect(disabledBy).toEqual([ID])

    const second = await write(connection, receiver.url())
    const resume = `/systems/${encodeURIComponent(receiver.lane)}/resume`
    expect(verdict(second)).toMatchObject({
      kind: 'failed',
      error: { code: 'callback_disabled', message: expect.stringContaining(resume) },
    })
    expect(receiver.received).toHaveLength(1)

    receiver.answer = status(204)
    const others = [
      await write(connection, receiver.url('/other')),
      await write(connection, receiver.url(), { tenant: 'another' }),
    ]
    expect(others.map(({ kind }) => kind)).toEqual(['delivered', 'delivered'])
  })
})

describe('a receiver that cannot be reached', () => {
  test('that says nothing is given up in time', async () => {
    const clock = new SimulatedClock()
    receiver.answer = () => {}
    const writing = write(open({ clock }), receiver.url())
    await receiver.heard(1)
    await pass(clock, 15_000)
    const outcome = await writing
    expect(outcome).toMatchObject({ kind: 'unanswered', code: 'timeout' })
    expect(verdict(outcome)).toMatchObject({ kind: 'retry' })
  })

  test('that speaks something else is tried again', async () => {
    const url = await rawTarget((socket) => socket.end('220 smtp ready\r\n'))
    const outcome = await write(open(), url)
    expect(verdict(outcome)).toMatchObject({ kind: 'retry' })
  })

  test.each([
    ['an address', (port: string) => `http://127.0.0.1:${port}/`],
    ['a name that leads there', (port: string) => `http://ops.example.com:${port}/`],
  ])('because it is %s that is not allowed, is never called, and tried again', async (_, url) => {
    const { port } = new URL(receiver.url())
    const resolve = async () => [{ address: '127.0.0.1', family: 4 }]
    const outcome = await write(open({ allowPrivate: [], resolve }), url(port))
    expect(verdict(outcome)).toMatchObject({ kind: 'retry' })
    expect(outcome).toMatchObject({
      message: expect.stringContaining('SLUICE_CALLBACK_ALLOW_PRIVATE'),
    })
    expect(JSON.stringify(outcome)).not.toContain('127.0')
    expect(receiver.received).toEqual([])
  })

  test('is called when its name leads where it may', async () => {
    const { port } = new URL(receiver.url())
    const resolve = async () => [{ address: '127.0.0.1', family: 4 }]
    const outcome = await write(open({ resolve }), `http://ops.example.com:${port}/`)
    expect(outcome.kind).toBe('delivered')
    expect((await heardOnce()).headers.host).toBe(`ops.example.com:${port}`)
  })

  test('a call that is called off says nothing of it', async () => {
    receiver.answer = () => {}
    const off = new AbortController()
    const writing = open().write(call({}, off.signal), finished(receiver.url()) as never)
    await receiver.heard(1)
    off.abort()
    expect(await writing).toEqual({ kind: 'interrupted' })
  })
})

test('without a secret nothing is sent: everybody waits for the operator, and nothing is spent', async () => {
  const outcome = await write(open({ secrets: [] }), receiver.url())
  expect(verdict(outcome)).toMatchObject({ kind: 'snooze' })
  expect(outcome).toMatchObject({ message: expect.stringContaining('SLUICE_CALLBACK_SECRETS') })
  expect(receiver.received).toEqual([])
})

test('the attempts are spread over days, and never more than four', () => {
  let [longest, last] = [0, 0]
  for (let attempts = 1; ; attempts += 1) {
    const outcome: WriteAnswer = {
      kind: 'unanswered',
      stage: 'write',
      code: 'timeout',
      message: '',
    }
    const next = decide(outcome, attempts, RULES, 0, () => 1)
    if (next.kind !== 'retry') {
      expect({ attempts, kind: next.kind }).toEqual({ attempts: 24, kind: 'failed' })
      break
    }
    expect(next.runAt).toBeGreaterThanOrEqual(last)
    last = next.runAt
    longest += last
  }
  const day = 86_400_000
  expect(longest / day).toBeGreaterThan(3)
  expect(longest / day).toBeLessThan(4)
})
