import { beforeEach, describe, expect, test } from 'vitest'
import { callbackLane, callbackTenant } from '../../src/core/callback.ts'
import type { Event } from '../../src/observe/events.ts'
import { type RequestOptions, TENANT } from '../support/requests.ts'
import { DELIVERED, refused, Stage } from './stage.ts'

const URL = 'https://ops.example.com/done'
const RECEIVER = callbackLane(URL)
const TELLING: RequestOptions = { terms: { callbackUrl: URL } }

let stage: Stage

beforeEach(async () => {
  stage = await Stage.open()
})

test('whoever wants to know of the end of a request is told, and so is whoever reads the log', async () => {
  stage.start()
  const { id } = await stage.post({ ...TELLING, total: 10 })
  await told(id)
  expect(stage.calls.filter(({ target }) => target === RECEIVER)).toHaveLength(1)
  expect(eventsOf(id)).toMatchObject([
    { event: 'request_finished', tenant: TENANT, state: 'completed' },
    { event: 'callback_delivered', tenant: TENANT, system: RECEIVER, attempts: 1, durationMs: 10 },
  ])
})

test('a receiver that fails is called again, as often as its rules say', async () => {
  stage.answer = ({ target }) => (target === RECEIVER ? refused(500) : DELIVERED)
  stage.start()
  const { id } = await stage.post(TELLING)
  await told(id)
  expect(stage.calls.filter(({ target }) => target === RECEIVER)).toHaveLength(3)
  expect(eventsOf(id).at(-1)).toMatchObject({
    ...{ event: 'callback_failed', attempts: 3, code: 'target_unavailable', httpStatus: 500 },
    message: 'It said 500',
  })
})

test('a receiver that has too much to do closes its own gate, and nobody else’s', async () => {
  let busy = true
  stage.answer = ({ target }) => (target === RECEIVER && busy ? refused(429, 60_000) : DELIVERED)
  stage.start()
  const { id } = await stage.post(TELLING)
  await stage.pass(10_000)
  busy = false
  const { gate } = await stage.store.system(RECEIVER)
  expect(gate).toMatchObject({ state: 'throttled' })
  await stage.finished(await stage.post({}))
  await told(id)
  expect(eventsOf(id).at(-1)).toMatchObject({ event: 'callback_delivered', attempts: 1 })
})

test('another worker tells what the one that finished the request did not live to tell', async () => {
  stage.answer = ({ target }, worker) => {
    if (target === RECEIVER && stage.calls.length === 2) {
      worker.crash()
      stage.start()
    }
    return DELIVERED
  }
  stage.start()
  const { id } = await stage.post(TELLING)
  await told(id)
  // The first of them was out when the worker died.
  expect(stage.calls.filter(({ target }) => target === RECEIVER)).toHaveLength(2)
  expect(eventsOf(id).filter(({ event }) => event === 'callback_delivered')).toHaveLength(1)
})

/** A callback that is given up in five seconds, for nobody waits a week here. */
async function postCallback(): Promise<string> {
  const options = { tenant: callbackTenant(TENANT), lane: RECEIVER }
  const { id } = await stage.post({ ...options, terms: { expiresAt: stage.clock.now() + 5000 } })
  return id
}

describe('a callback whose time is over', () => {
  test('is given up, and whoever reads the log is told so, once, and of no request', async () => {
    stage.answer = () => refused(500)
    stage.rules = { ...stage.rules, retry: { attempts: 3, first: 60_000, cap: 60_000 } }
    stage.start()
    const id = await postCallback()
    await told(id)
    expect(eventsOf(id)).toEqual([
      {
        ...{ event: 'callback_failed', request: id, tenant: TENANT, system: RECEIVER },
        ...{ attempts: 1, durationMs: 0, code: 'expired', httpStatus: null },
        message: expect.stringContaining('It said 500'),
      },
    ])
    expect(stage.calls).toHaveLength(1)
  })

  test('is told of by whoever lets go of it, too', async () => {
    stage.rules = { ...stage.rules, limits: { concurrency: 1, rate: null } }
    stage.latency = 20_000
    stage.start()
    await stage.post({ tenant: callbackTenant(TENANT), lane: RECEIVER })
    const id = await postCallback()
    await told(id)
    expect(stage.calls).toHaveLength(1)
    expect(eventsOf(id)).toMatchObject([{ event: 'callback_failed', code: 'expired', attempts: 0 }])
  })

  test('has its end from the call that was under way, if that ends it', async () => {
    for (const answer of [DELIVERED, refused(400)]) {
      stage = await Stage.open()
      stage.answer = () => answer
      stage.latency = 8000
      stage.start()
      const id = await postCallback()
      await told(id)
      const event = answer === DELIVERED ? 'callback_delivered' : 'callback_failed'
      expect(eventsOf(id)).toMatchObject([{ event, attempts: 1 }])
      expect(eventsOf(id)).not.toMatchObject([{ code: 'expired' }])
    }
  })
})

/** Lets the time pass until the callback of a request has come to its end. */
async function told(id: string): Promise<void> {
  await stage.until(async () => {
    const callback = await stage.store.request(callbackTenant(TENANT), id)
    return callback?.finishedAt != null
  })
  // The worker hears of it a moment later.
  await stage.pass(100)
}

function eventsOf(id: string): readonly Event[] {
  return stage.events.filter((event) => 'request' in event && event.request === id)
}
