/** `GET /status/{id}/events` and `Prefer: wait`, over real sockets. */
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Store } from '../../src/store/store.ts'
import { claimed, inserted, join } from '../contract/steps.ts'
import { pass } from '../dispatch/time.ts'
import { SimulatedClock } from '../sim/clock.ts'
import { eventually } from '../support/eventually.ts'
import { done } from '../support/requests.ts'
import { type EventSource, openEvents } from './event-source.ts'
import { type Changes, openServer } from './server.ts'

const BATCH = 5

/** A store in which the request is another one at each look, with a note of so many characters. */
function withLargeLooks(length: number) {
  const note = 'x'.repeat(length)
  let looks = 0
  return (store: Store) => ({
    ...store,
    async request(tenant: string, id: string) {
      looks += 1
      const request = await store.request(tenant, id)
      return request && { ...request, metadata: { note, looks: String(looks) } }
    },
  })
}

/** A server that has one request of so many batches, all of them in hand; and counts reads of it. */
async function serverAtWork({ batches = 4, ...changes }: Changes & { batches?: number } = {}) {
  let reads = 0
  const counted = (store: Store) => ({
    ...store,
    request(tenant: string, id: string) {
      reads += 1
      return store.request(tenant, id)
    },
  })
  const { server, store, events } = await openServer({ wrap: counted, ...changes })
  const { id } = await inserted(store, { total: batches * BATCH })
  await join(store)
  const inHand = [...(await claimed(store))]
  const url = await server.listen()
  return {
    server,
    events,
    id,
    url: `${url}/status/${id}`,
    reads: () => reads,
    /** Settles so many batches more. */
    async goOn(count: number) {
      await store.settle(
        inHand.splice(0, count).map((batch) => done(batch)),
        2000,
      )
    },
  }
}

/** Opened, and left at the latest when the test is over. */
async function follow(url: string, headers: Readonly<Record<string, string>> = {}) {
  const source = await openEvents(`${url}/events`, headers)
  onTestFinished(() => source.leave())
  return source
}

function counts(source: EventSource): readonly unknown[] {
  return source.events.map(({ data }) => data['processed_mappings'])
}

function names(source: EventSource): readonly string[] {
  return source.events.map(({ name }) => name)
}

describe('GET /status/{id}/events', () => {
  test('gives the status first, then each change of it, and then the end', async () => {
    const { url, goOn } = await serverAtWork()
    const source = await follow(url)
    expect(source.status).toBe(200)
    await source.received(({ name }) => name === 'status')
    await goOn(1)
    await source.received(({ data }) => data['processed_mappings'] === 5)
    await goOn(3)
    expect(await source.closed).toBe(true)
    expect(counts(source)).toEqual([0, 5, 20, 20])
    expect(names(source)).toEqual(['status', 'status', 'status', 'done'])
    const status = await (await fetch(url)).json()
    expect(source.events.at(-1)?.data).toEqual(status)
  })

  test('gives the whole story of a request that is finished, and ends', async () => {
    const { url, goOn } = await serverAtWork()
    await goOn(4)
    const source = await follow(url)
    expect(await source.closed).toBe(true)
    expect(names(source)).toEqual(['status', 'done'])
  })

  test('cannot be kept, changed or held back on its way', async () => {
    const { url } = await serverAtWork()
    const source = await follow(url)
    expect(source.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
    })
  })

  test('stays away after the end from a client that comes again', async () => {
    const { url, goOn } = await serverAtWork()
    await goOn(4)
    const source = await follow(url)
    await source.closed
    const again = await follow(url, { 'last-event-id': source.events.at(-1)?.id ?? '' })
    expect(again.status).toBe(204)
    // Who has seen the last status, and not the end, is told of it.
    const late = await follow(url, { 'last-event-id': source.events.at(-2)?.id ?? '' })
    await late.closed
    expect(names(late)).toEqual(['status', 'done'])
  })

  test('goes on where another instance stopped, and never back', async () => {
    const clock = new SimulatedClock()
    const there = await serverAtWork({ clock })
    const behind = await follow(there.url)
    await behind.received(({ name }) => name === 'status')
    // It was seen elsewhere, before this instance looked again.
    await there.goOn(2)
    const elsewhere = await serverAtWork()
    await elsewhere.goOn(2)
    const ahead = await follow(elsewhere.url)
    const { id } = await ahead.received(({ data }) => data['processed_mappings'] === 10)
    const resumed = await follow(there.url, {
      'last-event-id': swapped(id, elsewhere.id, there.id),
    })
    await pass(clock, 250)
    await there.goOn(2)
    await pass(clock, 250)
    await resumed.closed
    expect(counts(resumed)).toEqual([10, 20, 20])
  })

  /** An event id as an instance would give it that knows the request by another id. */
  function swapped(eventId: string, from: string, to: string): string {
    const text = Buffer.from(eventId, 'base64url').toString().replace(from, to)
    return Buffer.from(text).toString('base64url')
  }

  test.each(['x', '1', 'W10', 'WyJldmVudHMiLDFd', '-'.repeat(2000)])(
    'refuses an id of no event of it: %s',
    async (eventId) => {
      const { url } = await serverAtWork()
      const answer = await fetch(`${url}/events`, { headers: { 'last-event-id': eventId } })
      expect(answer.status).toBe(400)
      expect(await answer.json()).toMatchObject({
        type: '/problems/invalid-cursor',
        errors: [{ pointer: '#/header/last-event-id', code: 'invalid_cursor' }],
      })
    },
  )

  test('refuses the event of another request, and a request that is not there', async () => {
    const one = await serverAtWork()
    const other = await serverAtWork()
    const { id } = await (await follow(one.url)).received(({ name }) => name === 'status')
    expect((await follow(other.url, { 'last-event-id': id })).status).toBe(400)
    expect((await follow(one.url.replace(/.$/, 'x'))).status).toBe(404)
  })

  test('is events, and nothing else', async () => {
    const { url } = await serverAtWork()
    const answer = await fetch(`${url}/events`, { headers: { accept: 'application/json' } })
    expect(answer.status).toBe(406)
    expect(await answer.json()).toMatchObject({ detail: 'Accept text/event-stream.' })
    const head = await fetch(`${url}/events`, { method: 'HEAD' })
    expect(head.headers.get('content-type')).toBe('text/event-stream')
    expect(head.headers.get('content-length')).toBeNull()
    expect(head.status).toBe(200)
  })

  test('keeps the line open while nothing changes', async () => {
    const clock = new SimulatedClock()
    const { url } = await serverAtWork({ clock })
    const source = await follow(url)
    await source.received(({ name }) => name === 'status')
    await pass(clock, 46_000)
    await eventually(() => expect(source.text().split(': keep-alive\n\n')).toHaveLength(4))
    expect(names(source)).toEqual(['status'])
  })

  test('turns clients away beyond the most there may be, until one leaves', async () => {
    const { url } = await serverAtWork({ limits: { maxStreams: 2 } })
    const [one] = [await follow(url), await follow(url)]
    const refused = await fetch(`${url}/events`)
    expect(refused.status).toBe(503)
    expect(refused.headers.get('retry-after')).toBe('5')
    expect(await refused.json()).toMatchObject({ type: '/problems/overloaded' })
    one.leave()
    await eventually(async () => expect((await follow(url)).status).toBe(200))
  })

  test('does not wait for a client that has gone before the first answer', async () => {
    const asked = Promise.withResolvers<void>()
    const gate = Promise.withResolvers<void>()
    const { url } = await serverAtWork({
      limits: { maxStreams: 1 },
      wrap: (store) => ({
        ...store,
        async request(tenant, id) {
          asked.resolve()
          await gate.promise
          return store.request(tenant, id)
        },
      }),
    })
    const hasty = new AbortController()
    const call = fetch(`${url}/events`, { signal: hasty.signal })
    await asked.promise
    hasty.abort()
    await expect(call).rejects.toThrow()
    gate.resolve()
    await eventually(async () => expect((await follow(url)).status).toBe(200))
  })

  test('leaves the store alone once nobody listens', async () => {
    const clock = new SimulatedClock()
    const { url, reads } = await serverAtWork({ clock })
    const source = await follow(url)
    await source.received(({ name }) => name === 'status')
    source.leave()
    await eventually(async () => {
      const before = reads()
      await pass(clock, 10_000)
      expect(reads()).toBe(before)
    })
  })

  test('cuts off who does not read, and nobody else', async () => {
    const clock = new SimulatedClock()
    const { url, goOn } = await serverAtWork({
      clock,
      wrap: withLargeLooks(200_000),
    })
    const [slow, quick] = [await follow(url), await follow(url)]
    slow.pause()
    // Beyond what the two systems keep for a connection, there is what we keep.
    for (let look = 2; look < 150; look++) {
      await pass(clock, 250)
      await quick.received(({ data }) => isOfLook(data['metadata'], look))
    }
    slow.resume()
    expect(await slow.closed).toBe(false)
    await goOn(4)
    await pass(clock, 250)
    expect(await quick.closed).toBe(true)
  })

  test('does not wait for ever for a client that never reads the end', async () => {
    const clock = new SimulatedClock()
    const { server, url, goOn } = await serverAtWork({
      clock,
      limits: { maxStreams: 1 },
      wrap: withLargeLooks(50_000),
    })
    const answering = once(server.app.server, 'request')
    const slow = await follow(url)
    const [, response]: ServerResponse[] = await answering
    slow.pause()
    while ((response?.writableLength ?? 0) < 300_000) await pass(clock, 250)
    await goOn(4)
    await pass(clock, 59_000)
    expect((await fetch(`${url}/events`)).status).toBe(503)
    await pass(clock, 2000)
    await eventually(async () => expect((await follow(url)).status).toBe(200))
    slow.resume()
    expect(await slow.closed).toBe(false)
  })

  function isOfLook(metadata: unknown, look: number): boolean {
    return typeof metadata === 'object' && metadata !== null && 'looks' in metadata
      ? metadata.looks === String(look)
      : false
  }

  test('is ended in order when the instance stops', async () => {
    const { server, url } = await serverAtWork()
    const sources = [await follow(url), await follow(url)]
    await Promise.all(sources.map((source) => source.received(({ name }) => name === 'status')))
    await server.close(60_000)
    for (const source of sources) {
      expect(await source.closed).toBe(true)
      expect(source.text()).toMatch(/retry: \d+\n\n$/)
    }
  })

  test('shows 1,000 clients every request to its end, for one read at each change', async () => {
    const limits = { maxConnections: 2000, maxStreams: 2000 }
    const { url, goOn, reads } = await serverAtWork({ batches: 8, limits })
    const sources: EventSource[] = []
    while (sources.length < 1000) {
      sources.push(...(await Promise.all(Array.from({ length: 100 }, () => follow(url)))))
    }
    for (let batch = 0; batch < 8; batch++) {
      await goOn(1)
      await sources[batch]?.received(({ data }) => data['processed_mappings'] === 5 * (batch + 1))
    }
    const ends = await Promise.all(sources.map(({ closed }) => closed))
    expect(ends).toEqual(sources.map(() => true))
    for (const source of sources) {
      expect(source.events.at(-1)).toMatchObject({ name: 'done', data: { progress: 100 } })
    }
    expect(reads()).toBeLessThan(60)
  })
})

describe('GET /status/{id} with Prefer: wait', () => {
  async function ask(url: string, prefer: string, init: RequestInit = {}) {
    const answer = await fetch(url, { headers: { prefer }, ...init })
    return {
      status: answer.status,
      applied: answer.headers.get('preference-applied'),
      body: await answer.json(),
    }
  }

  test('answers when the request is finished', async () => {
    const clock = new SimulatedClock()
    const { server, url, goOn, reads } = await serverAtWork({ clock })
    let asked = 0
    server.app.server.on('request', () => {
      asked += 1
    })
    const answers = Array.from({ length: 100 }, () => ask(url, 'wait=30'))
    await eventually(() => expect(asked).toBe(answers.length))
    await eventually(() => expect(reads()).toBeGreaterThan(0))
    await pass(clock, 2000)
    await goOn(4)
    let isOver = false
    const all = Promise.all(answers).finally(() => {
      isOver = true
    })
    let looks = 0
    await eventually(async () => {
      looks += 1
      await pass(clock, 250)
      expect(isOver).toBe(true)
    })
    for (const { status, applied, body } of await all) {
      expect({ status, applied }).toEqual({ status: 200, applied: 'wait=30' })
      expect(body).toMatchObject({ status: 'completed', progress: 100 })
    }
    // One for all of them each time, and some for the two seconds before.
    expect(reads()).toBeLessThan(20 + looks)
  })

  test('answers when the time is up', async () => {
    const { url } = await serverAtWork()
    const { applied, body } = await ask(url, 'wait=1')
    expect(applied).toBe('wait=1')
    expect(body).toMatchObject({ status: 'in_progress' })
  })

  test('answers at once what is finished, and what is not there', async () => {
    const { url, goOn } = await serverAtWork()
    await goOn(4)
    expect((await ask(url, 'wait=60')).body).toEqual(await (await fetch(url)).json())
    const none = await ask(url.replace(/.$/, 'x'), 'wait=60')
    expect(none).toMatchObject({ status: 404, applied: null })
  })

  test('answers when the instance stops', async () => {
    const { server, url, reads } = await serverAtWork()
    const waiting = ask(url, 'wait=60')
    await eventually(() => expect(reads()).toBeGreaterThan(1))
    const closing = server.close(60_000)
    expect((await waiting).body).toMatchObject({ status: 'in_progress' })
    await closing
  })

  test('leaves the store alone when the client goes', async () => {
    const clock = new SimulatedClock()
    const { url, reads } = await serverAtWork({ clock })
    const hasty = new AbortController()
    const waiting = ask(url, 'wait=60', { signal: hasty.signal, headers: { prefer: 'wait=60' } })
    await eventually(() => expect(reads()).toBeGreaterThan(0))
    hasty.abort()
    await expect(waiting).rejects.toThrow()
    await eventually(async () => {
      const before = reads()
      await pass(clock, 10_000)
      expect(reads()).toBe(before)
    })
  })

  test.each(['wait', 'wait=soon', 'wait=-1', 'respond-async', 'return=minimal; wait=1'])(
    'passes over what it cannot heed: %s',
    async (prefer) => {
      const { url } = await serverAtWork()
      expect(await ask(url, prefer)).toMatchObject({ status: 200, applied: null })
    },
  )
})
