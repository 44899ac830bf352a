/** `POST /ingest` of bodies that are read as they come: every form, and clients of every kind. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { MEDIA_TYPES } from '../../src/http/negotiation.ts'
import { TIMEOUTS } from '../../src/http/ports.ts'
import type { UploadOrder } from '../../src/intake/upload.ts'
import { type Clock, systemClock } from '../../src/lib/clock.ts'
import { type Store, StoreUnavailable } from '../../src/store/store.ts'
import { allBatches, cleared, listed } from '../contract/steps.ts'
import { line, lines } from '../intake/stage.ts'
import { eventually } from '../support/eventually.ts'
import { open } from './connection.ts'
import { type Changes, type Fixture, mapping, openServer } from './server.ts'

const NDJSON = 'application/x-ndjson'

/** So many that no piece holds them all: the request is opened before it has come whole. */
const MANY = 10_000

async function post(
  { server }: Fixture,
  body: string | Buffer,
  {
    type = NDJSON,
    query = '',
    headers = {},
  }: { type?: string; query?: string; headers?: object } = {},
) {
  const answer = await server.app.inject({
    method: 'POST',
    url: `/ingest${query}`,
    headers: { 'content-type': type, ...headers },
    payload: body,
  })
  return { status: answer.statusCode, headers: answer.headers, body: answer.json() }
}

async function get({ server }: Fixture, url: string) {
  return (await server.app.inject({ url })).json()
}

/** The head of an upload whose length nobody says. */
function head(headers: Readonly<Record<string, string>> = {}): string {
  const all = { host: 'localhost', 'content-type': NDJSON, 'transfer-encoding': 'chunked' }
  const fields = Object.entries({ ...all, ...headers }).map(([name, value]) => `${name}: ${value}`)
  return `${['POST /ingest HTTP/1.1', ...fields].join('\r\n')}\r\n\r\n`
}

function chunk(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`
}

const END = '0\r\n\r\n'
const GET = 'GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'

async function expectNothing(store: Store): Promise<void> {
  await cleared(store, Date.now())
  expect(await store.totals()).toEqual({ activeRequests: 0, openMappings: 0 })
  expect(await listed(store)).toEqual([])
}

/** Tells when something of an upload is in the store, and when it is given up. */
function watched() {
  const staged = Promise.withResolvers<void>()
  const abandoned = Promise.withResolvers<void>()
  const wrap = (store: Store): Store => ({
    ...store,
    async stage(...args) {
      const isKept = await store.stage(...args)
      staged.resolve()
      return isKept
    },
    async abandon(request) {
      await store.abandon(request)
      abandoned.resolve()
    },
  })
  return { wrap, staged: staged.promise, abandoned: abandoned.promise }
}

describe('a body is taken', () => {
  const bodies = {
    json: JSON.stringify({ mappings: [mapping({ id: 'm0' }), mapping({ id: 'm1' })] }),
    ndjson: lines(2),
    csv: 'id,source,target\nm0,s,t\nm1,s,t\n',
  }
  const encodings = [
    ['identity', (text: string) => Buffer.from(text)],
    ['gzip', (text: string) => gzipSync(text)],
    ['zstd', (text: string) => zstdCompressSync(text)],
  ] as const
  const forms = Object.entries(bodies).flatMap(([format, body]) =>
    MEDIA_TYPES[format === 'csv' || format === 'ndjson' ? format : 'json'].flatMap((type) =>
      encodings.map(([encoding, encode]) => ({ type, encoding, body: encode(body) })),
    ),
  )

  test.each(forms)('that is $type in $encoding', async ({ type, encoding, body }) => {
    const fixture = await openServer()
    const answer = await post(fixture, body, { type, headers: { 'content-encoding': encoding } })
    expect(answer).toMatchObject({ status: 202, body: { status: 'pending', total_mappings: 2 } })
    expect(answer.headers['location']).toBe(`/status/${answer.body.request_id}`)
    const { results } = await get(fixture, `/status/${answer.body.request_id}/results`)
    expect(results.map(({ id }: { id: string }) => id)).toEqual(['m0', 'm1'])
    expect(fixture.events).toContainEqual(
      expect.objectContaining({ event: 'request_accepted', mappings: 2, batches: 1 }),
    )
  })

  test('by the API’s own thread only where it is JSON, and small', async () => {
    const orders: UploadOrder[] = []
    const upload: Changes['upload'] = async (order, bytes) => {
      orders.push(order)
      for await (const _ of bytes);
      return { kind: 'conflict' }
    }
    const fixture = await openServer({ upload, limits: { maxBody: 2_000_000 } })
    const type = 'application/json'
    expect(await post(fixture, bodies.json, { type })).toMatchObject({ status: 202 })
    await post(fixture, `${bodies.json}${' '.repeat(1_000_000)}`, { type })
    // What is wrong with each of so many would take seconds to find out.
    await post(fixture, `${bodies.json}${' '.repeat(100_000)}`, { type, query: '?on_invalid=skip' })
    await post(fixture, gzipSync(bodies.json), { type, headers: { 'content-encoding': 'gzip' } })
    await post(fixture, bodies.csv, { type: 'text/csv' })
    // Nobody says how much it is.
    const chunked = `${head({ 'content-type': type, connection: 'close' })}${chunk(bodies.json)}${END}`
    await (await open(await fixture.server.listen(), chunked)).closed
    const formats = orders.map(({ content }) => content.format)
    expect(formats).toEqual(['json', 'json', 'json', 'csv', 'json'])
  })

  test('with its options in the address', async () => {
    const fixture = await openServer()
    const query = new URLSearchParams({
      ...{ priority: 'LOW', batch_size: '3', metadata: '{"run":"nightly"}' },
      ...{ not_before: new Date(Date.now() + 3_600_000).toISOString(), expires_in: 'P1D' },
    })
    const { body } = await post(fixture, lines(7), { query: `?${query}` })
    const status = await get(fixture, `/status/${body.request_id}`)
    expect(status).toMatchObject({
      ...{ status: 'pending', priority: 'LOW', metadata: { run: 'nightly' } },
      details: expect.stringMatching(/^Waiting for its time/),
    })
    const batches = await allBatches(fixture.store, body.request_id)
    expect(batches.map(({ ordinals }) => ordinals.count)).toEqual([3, 3, 1])
    const { terms } = (await fixture.store.request('default', body.request_id)) ?? {}
    expect(terms?.expiresAt).toBeGreaterThan(Date.now() + 86_000_000)
  })

  test('and what was skipped of it is told, in the receipt and in the results', async () => {
    const fixture = await openServer()
    const body = `${line(0)}\n${line(1, { source: 5 })}\n`
    expect((await post(fixture, line(0))).body).not.toHaveProperty('skipped_mappings')
    const answer = await post(fixture, body, { query: '?on_invalid=skip' })
    expect(answer).toMatchObject({
      ...{ status: 202, body: { total_mappings: 2, skipped_mappings: 1 } },
    })
    const url = `/status/${answer.body.request_id}`
    expect(await get(fixture, url)).toMatchObject({ failed_mappings: 1, processed_mappings: 1 })
    expect((await get(fixture, `${url}/results?status=failed`)).results).toMatchObject([
      {
        ...{ id: 'm1', source: '', target: 't', status: 'failed', attempts: 0 },
        error: { code: 'invalid_mapping', message: '#/source: This must be of type string.' },
      },
    ])
    const asJson = { mappings: [mapping(), mapping({ id: 5 })] }
    const json = await post(fixture, JSON.stringify(asJson), {
      ...{ type: 'application/json', query: '?on_invalid=skip' },
    })
    expect(json.body).toMatchObject({ total_mappings: 2, skipped_mappings: 1 })
  })

  test('once, where it comes again with its key, packed or not', async () => {
    const fixture = await openServer()
    const headers = { 'idempotency-key': 'k' }
    const first = await post(fixture, lines(MANY), { headers })
    const packed = { ...headers, 'content-encoding': 'gzip' }
    const again = await post(fixture, gzipSync(lines(MANY)), { headers: packed })
    expect(again).toMatchObject({ status: 202, body: first.body })
    expect(again.headers['idempotency-replayed']).toBe('true')
    const other = await post(fixture, lines(MANY - 1), { headers })
    expect(other).toMatchObject({ status: 422, body: { type: '/problems/idempotency-key-reused' } })
    expect(await listed(fixture.store)).toEqual([first.body.request_id])
  })

  test('of none where the store cannot take it', async () => {
    const stage = async () => {
      throw new StoreUnavailable('the disk is full')
    }
    const fixture = await openServer({ wrap: (store) => ({ ...store, stage }) })
    expect(await post(fixture, lines(MANY))).toMatchObject({
      ...{ status: 503, body: { type: '/problems/storage-unavailable' } },
      headers: { 'retry-after': '5' },
    })
    await expectNothing(fixture.store)
  })
})

describe('a client that uploads', () => {
  /** What is not told is as it is. */
  function patience(upload: Partial<typeof TIMEOUTS.upload>): Pick<Changes, 'timeouts'> {
    return {
      timeouts: {
        ...{ ...TIMEOUTS, headers: 100, request: 150, check: 20 },
        upload: { ...TIMEOUTS.upload, ...upload },
      },
    }
  }

  test('may take longer than any other, as long as it goes on', async () => {
    const { server, store } = await openServer(patience({}))
    const late = once(server.app.server, 'clientError')
    const client = await open(await server.listen(), `${head()}${chunk(lines(MANY))}`)
    await late
    client.socket.write(`${chunk(line(MANY))}${END}`)
    await client.received('202 Accepted')
    client.socket.destroy()
    expect(await store.totals()).toMatchObject({ openMappings: MANY + 1 })
  })

  test('is not waited for any more once it is answered', async () => {
    const waits = new Set<number>()
    const clock: Clock = {
      ...systemClock,
      after(delay, callback) {
        const cancel = systemClock.after(delay, callback)
        waits.add(delay)
        return () => {
          waits.delete(delay)
          cancel()
        }
      },
    }
    const { server } = await openServer({ clock })
    const client = await open(await server.listen(), `${head()}${chunk(lines(3))}${END}`)
    await client.received('202 Accepted')
    client.socket.destroy()
    expect([...waits]).not.toContain(TIMEOUTS.upload.whole)
  })

  test.each([
    ['is silent for too long', { silence: 100 }],
    ['takes too long over all of it', { whole: 100, silence: 600_000 }],
  ])('and %s is told so, and nothing of it is kept', async (_, upload) => {
    const { server, store } = await openServer(patience(upload))
    const client = await open(await server.listen(), `${head()}${chunk(lines(MANY))}`)
    await client.received('/problems/request-timeout')
    client.socket.destroy()
    expect(await client.closed).toMatch(/^HTTP\/1\.1 408 /)
    await expectNothing(store)
  })

  test('and leaves is no fault of ours, and nothing of it is kept', async () => {
    const { wrap, staged, abandoned } = watched()
    const { server, store, events } = await openServer({ wrap })
    const client = await open(await server.listen(), `${head()}${chunk(lines(MANY))}`)
    await staged
    client.socket.destroy()
    await abandoned
    await expectNothing(store)
    expect(events.filter(({ event }) => event === 'http_failed')).toEqual([])
  })

  test('hears what is wrong at once, and may go on with its connection', async () => {
    const { server } = await openServer()
    const client = await open(await server.listen(), `${head()}${chunk('1\n'.repeat(100))}`)
    await client.received('"#/mappings/99"')
    client.socket.write(`${chunk(lines(MANY))}${END}${GET}`)
    const answers = await client.closed
    expect(answers).toMatch(/^HTTP\/1\.1 400 [\s\S]*HTTP\/1\.1 200 /)
  })

  test('and never ends what nobody wants is cut off', async () => {
    const { server } = await openServer(patience({ afterwards: 100 }))
    const client = await open(await server.listen(), `${head()}${chunk('1\n'.repeat(100))}`)
    expect(await client.closed).toMatch(/^HTTP\/1\.1 400 /)
  })

  test('sends no faster than it is read', async () => {
    const held = Promise.withResolvers<void>()
    const taken = Promise.withResolvers<void>()
    const { server } = await openServer({
      limits: { maxStream: 100_000_000 },
      async upload(_, bytes) {
        for await (const _ of bytes) {
          taken.resolve()
          await held.promise
        }
        return { kind: 'conflict' }
      },
    })
    const accepted = once(server.app.server, 'connection')
    const url = await server.listen()
    const client = await open(url, `${head()}${chunk(' '.repeat(60_000_000))}`)
    const socket: Socket = (await accepted)[0]
    await taken.promise
    for (let look = 0; look < 10; look++) await fetch(`${url}/livez`)
    expect(socket.bytesRead).toBeLessThan(1_000_000)
    client.socket.destroy()
    held.resolve()
  })

  test('waits for others to be done, where there are too many', async () => {
    const { server } = await openServer({ limits: { maxUploads: 1 } })
    const url = await server.listen()
    const first = await open(url, `${head()}${chunk(line(0))}`)
    await eventually(async () => {
      const second = await fetch(`${url}/ingest`, {
        ...{ method: 'POST', headers: { 'content-type': NDJSON }, body: line(1) },
      })
      expect(second.headers.get('retry-after')).toBe('5')
      expect(await second.json()).toMatchObject({ type: '/problems/overloaded' })
    })
    first.socket.write(END)
    await first.received('202 Accepted')
    first.socket.destroy()
    const third = await fetch(`${url}/ingest`, {
      ...{ method: 'POST', headers: { 'content-type': NDJSON }, body: line(2) },
    })
    expect(third.status).toBe(202)
  })

  test('is told where the server stops, though it still sends, and nothing of it is kept', async () => {
    const { wrap, staged } = watched()
    const { server, store } = await openServer({ wrap })
    const client = await open(await server.listen(), `${head()}${chunk(lines(MANY))}`)
    await staged
    const closing = server.close(60_000)
    await client.received('/problems/draining')
    // It is listened to until it is done, or it would not hear what it was told.
    client.socket.write(`${chunk(lines(MANY))}${END}${GET}`)
    expect(await client.closed).toMatch(/^HTTP\/1\.1 503 [\s\S]*HTTP\/1\.1 200 /)
    await closing
    await expectNothing(store)
  })

  test('is answered where all of it has come when the server stops', async () => {
    const completing = Promise.withResolvers<void>()
    const gate = Promise.withResolvers<void>()
    const { server, store } = await openServer({
      wrap: (real) => ({
        ...real,
        async complete(request, whole) {
          completing.resolve()
          await gate.promise
          return real.complete(request, whole)
        },
      }),
    })
    const client = await open(await server.listen(), `${head()}${chunk(lines(MANY))}${END}`)
    await completing.promise
    const closing = server.close(60_000)
    gate.resolve()
    expect(await client.closed).toMatch(/^HTTP\/1\.1 202 /)
    await closing
    expect(await store.totals()).toMatchObject({ openMappings: MANY })
  })
})
