/** Callbacks as a receiver sees them, from the real service, through whatever happens to either. */
import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RequestStatus, Sluice } from '../../src/client/index.ts'
import { eventually } from '../support/eventually.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { startService, temporaryDirectory, WORKER, writeSystems } from '../support/process.ts'
import { type Received, Receiver, status } from '../support/receiver.ts'

const SECRETS = [1, 2].map((fill) => `whsec_${Buffer.alloc(32, fill).toString('base64')}`)
const ENV = {
  SLUICE_CALLBACK_SECRETS: SECRETS.join(),
  SLUICE_CALLBACK_ALLOW_PRIVATE: '127.0.0.0/8',
}
const SYSTEMS = {
  swift: { kind: 'simulated', latency: '1ms', success_rate: 1 },
  broken: { kind: 'simulated', latency: '1ms', success_rate: 0, retry: { attempts: 1 } },
}

function mappings(target: 'swift' | 'broken' = 'swift') {
  return [{ id: 'map_001', source: target, target }]
}

async function start() {
  const directory = await temporaryDirectory()
  await writeSystems(directory, SYSTEMS)
  const service = startService({ directory, env: ENV })
  const client = new Sluice({ baseUrl: await service.started() })
  return { directory, service, client }
}

function verified(received: Received | undefined): { type: string; data: RequestStatus } {
  if (received === undefined) throw new Error('nothing was received')
  const { body, headers } = received
  for (const secret of SECRETS) new Webhook(secret).verify(body, headers as Record<string, string>)
  return JSON.parse(body)
}

describe('a receiver', { timeout: 60_000 }, () => {
  test('is told what the status says, and again after it failed', async () => {
    const receiver = await Receiver.open()
    receiver.answer = (...given) => status(receiver.received.length === 1 ? 500 : 204)(...given)
    const { service, client } = await start()
    const receipt = await client.submit({
      mappings: mappings('broken'),
      callback_url: receiver.url('/failed'),
      metadata: { run: 'nightly' },
    })
    const [first, second] = await receiver.heard(2)
    await service.logged('callback_delivered')
    expect(second?.body).toBe(first?.body)
    for (const received of [first, second]) {
      const { type, data } = verified(received)
      expect(type).toBe('request.failed')
      const now = await client.status(receipt.request_id)
      expect(now.callback).toEqual({ ...data.callback, state: 'delivered', attempts: 2 })
      expect({ ...now, callback: null }).toEqual({ ...data, callback: null })
      expect(data.callback).toMatchObject({ url: receiver.url('/failed'), state: 'pending' })
    }
    expect(service.lines.filter(({ msg }) => msg === 'request_finished')).toHaveLength(1)
    expect(service.lines.find(({ msg }) => msg === 'callback_delivered')).toMatchObject({
      request: receipt.request_id,
      system: receiver.lane,
      attempts: 2,
    })
  })

  test('that has too much to do is left alone for as long as it says', async () => {
    const receiver = await Receiver.open()
    receiver.answer = status(429, { 'retry-after': '2' })
    const { service, client } = await start()
    const { request_id } = await client.submit({
      mappings: mappings(),
      callback_url: receiver.url(),
    })
    await eventually(async () => {
      const { gate, waiting_mappings } = await client.system(receiver.lane)
      expect({ state: gate.state, waiting_mappings }).toEqual({
        state: 'throttled',
        waiting_mappings: 1,
      })
    })
    expect((await client.status(request_id)).callback).toMatchObject({
      ...{ state: 'pending', attempts: 0 },
      last_error: { code: 'target_throttled', http_status: 429 },
    })
    receiver.answer = status(204)
    await service.logged('callback_delivered')
    expect((await client.status(request_id)).callback).toMatchObject({ attempts: 1 })
  })

  test('that is gone is called no more, until an operator says so', async () => {
    const receiver = await Receiver.open()
    receiver.answer = status(410)
    const { service, client } = await start()
    const submit = async () => {
      const { request_id } = await client.submit({
        mappings: mappings(),
        callback_url: receiver.url(),
      })
      return async () => (await client.status(request_id)).callback
    }
    const first = await submit()
    await service.logged('callback_disabled')
    await eventually(async () => {
      const last_error = {
        code: 'target_rejected',
        message: 'Answered 410 Gone.',
        http_status: 410,
      }
      expect(await first()).toMatchObject({ state: 'disabled', attempts: 1, last_error })
    })
    const second = await submit()
    await eventually(async () => {
      expect(await second()).toMatchObject({
        state: 'disabled',
        last_error: { code: 'callback_disabled', http_status: null },
      })
    })
    expect(receiver.received).toHaveLength(1)

    receiver.answer = status(200)
    await client.resume(receiver.lane)
    const third = await submit()
    await eventually(async () => expect(await third()).toMatchObject({ state: 'delivered' }))
  })

  test('is told by the next one when Sluice is killed between the end and the telling', async () => {
    const receiver = await Receiver.open()
    receiver.answer = () => {}
    const { directory, service, client } = await start()
    const { request_id } = await client.submit({
      mappings: mappings(),
      callback_url: receiver.url(),
    })
    await receiver.heard(1)
    expect(await client.status(request_id)).toMatchObject({ status: 'completed' })
    service.kill('SIGKILL')
    await service.ended

    receiver.answer = status(204)
    const next = startService({ directory, env: ENV })
    const again = new Sluice({ baseUrl: await next.started() })
    await next.logged('callback_delivered')
    const [first, second] = receiver.received
    expect(verified(second)).toEqual(verified(first))
    expect(receiver.received).toHaveLength(2)
    expect((await again.status(request_id)).callback).toMatchObject({ state: 'delivered' })
  })

  test('is not asked for where nothing can be signed', async () => {
    const directory = await temporaryDirectory()
    const service = startService({ directory })
    const client = new Sluice({ baseUrl: await service.started() })
    const submitting = client.submit({
      mappings: mappings(),
      callback_url: 'https://ops.example.com/',
    })
    await expect(submitting).rejects.toMatchObject({
      status: 400,
      errors: [
        {
          pointer: '#/callback_url',
          code: 'callbacks_not_configured',
          detail: expect.stringContaining('SLUICE_CALLBACK_SECRETS'),
        },
      ],
    })
  })
})

describe('several processes around one PostgreSQL', { timeout: 120_000 }, () => {
  let postgres: PostgresServer
  beforeAll(async () => {
    postgres = await startPostgres()
  })
  afterAll(() => postgres.stop())

  test('tell of each request once', async () => {
    const receiver = await Receiver.open()
    const directory = await temporaryDirectory()
    await writeSystems(directory, SYSTEMS)
    const env = { ...ENV, DATABASE_URL: postgres.url }
    const api = startService({ directory, env: { ...env, SLUICE_ROLE: 'api' } })
    const client = new Sluice({ baseUrl: await api.started() })
    const workers = [
      startService({ directory, env: { ...env, SLUICE_WORKERS: '2' }, command: WORKER }),
      startService({ directory, env, command: WORKER }),
    ]
    await Promise.all(workers.map((worker) => worker.logged('started')))
    const receipts = await Promise.all(
      Array.from({ length: 200 }, () =>
        client.submit({ mappings: mappings(), callback_url: receiver.url() }),
      ),
    )
    await receiver.heard(200)
    await eventually(async () => {
      const { ready_mappings, in_flight_mappings } = await client.system(receiver.lane)
      expect({ ready_mappings, in_flight_mappings }).toEqual({
        ready_mappings: 0,
        in_flight_mappings: 0,
      })
    })
    const told = receiver.received.map((received) => verified(received).data.request_id)
    expect(told.sort()).toEqual(receipts.map(({ request_id }) => request_id).sort())
    expect(await client.health()).toMatchObject({ active_requests: 0 })
  })
})
