import type { DatabaseSync } from 'node:sqlite'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import Type from 'typebox'
import Value from 'typebox/value'
import { describe, expect, test } from 'vitest'
import type { PreviewMappings } from '../../src/core/preview.ts'
import { REHEARSAL_EXAMPLE } from '../../src/http/rehearsal-example.ts'
import { RehearsalSchema } from '../../src/http/rehearsal-schema.ts'
import { openWriter } from '../../src/store/sqlite/database.ts'
import { lines } from '../intake/stage.ts'
import { newRequest } from '../support/requests.ts'
import { type Changes, FACTS, type Fixture, mapping, openServer } from './server.ts'

const URL = '/ingest?validate_only=true'

async function post({ server }: Fixture, url: string, body: object, headers: object = {}) {
  const payload = JSON.stringify(body)
  const type = { 'content-type': 'application/json' }
  const answer = await server.app.inject({
    method: 'POST',
    url,
    headers: { ...type, ...headers },
    payload,
  })
  return { status: answer.statusCode, headers: answer.headers, body: answer.json() }
}

/** What every preview says here. */
const preview: PreviewMappings = async (mappings) =>
  mappings.map(({ mapping: { id, source, target } }) => ({
    ...{ id, source, target, record: 'source' },
    payload: { key: id },
    unread: ['#/email'],
    read: { method: 'GET' },
    write: { call: { method: 'PUT' }, mappings: [id], together: 3 },
    error: { code: 'unsafe_path', message: 'No.', stage: 'write', httpStatus: null },
    notes: ['A note.'],
  }))

const CONFIGURED: Changes = {
  preview,
  facts: () => ({ ...FACTS, latency: 50 }),
  describe: () => ({ kind: 'http', limits: FACTS.limits }),
  systems: { mode: 'configured', names: ['shop'], has: () => true, reads: () => true },
}

/** So many that no piece would hold them all, and that JSON of them is no small body. */
const LARGE = 15_000

const DUPLICATE = '/problems/duplicate-mapping-id'

const ENCODINGS = {
  identity: (text: string) => Buffer.from(text),
  gzip: (text: string) => gzipSync(text),
  zstd: (text: string) => zstdCompressSync(text),
} as const

interface Form {
  readonly type: string
  readonly encoding: keyof typeof ENCODINGS
}

const FORMS = ['application/json', 'application/x-ndjson', 'text/csv'].flatMap((type) =>
  (['identity', 'gzip', 'zstd'] as const).map((encoding): Form => ({ type, encoding })),
)

/** Rehearses so many mappings, and another one, if it is told. */
async function send(
  { server }: Fixture,
  { type, encoding }: Form,
  count: number,
  other: { readonly id: string } | null = null,
  query = '',
) {
  const ids = Array.from({ length: count }, (_, n) => `m${n}`)
  const all = [...ids, ...(other === null ? [] : [other.id])]
  const answer = await server.app.inject({
    method: 'POST',
    url: `${URL}${query}`,
    headers: { 'content-type': type, 'content-encoding': encoding },
    payload: ENCODINGS[encoding](textOf(all, type)),
  })
  return { status: answer.statusCode, body: answer.json() }
}

function textOf(ids: readonly string[], type: string): string {
  if (type === 'text/csv') return `id,source,target\n${ids.map((id) => `${id},s,t\n`).join('')}`
  const mappings = ids.map((id) => {
    return { id, source: 's', target: 't', transformation: { is: 'x'.repeat(50) } }
  })
  if (type === 'application/json') return JSON.stringify({ mappings })
  return mappings.map((each) => JSON.stringify(each)).join('\n')
}

/** Every row of every table. */
function everything(database: DatabaseSync): string {
  const tables = database
    .prepare(`SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name`)
    .all()
    .map(({ name }) => String(name))
  expect(tables.length).toBeGreaterThan(10)
  return JSON.stringify(
    tables.map((name) => [name, database.prepare(`SELECT * FROM "${name}"`).all()]),
  )
}

describe('POST /ingest?validate_only=true', () => {
  test('answers what would happen', async () => {
    const fixture = await openServer(CONFIGURED)
    await fixture.store.insert(newRequest({ lane: 'shop', total: 2000 }))
    const mappings = Array.from({ length: 7 }, (_, n) =>
      mapping({ id: `m${n}`, source: 'shop', target: 'shop' }),
    )
    const { status, headers, body } = await post(fixture, URL, { mappings, priority: 'HIGH' })
    expect(status).toBe(200)
    expect(headers).not.toHaveProperty('location')
    const [first] = body.mappings
    expect(first).toEqual({
      ...{ id: 'm0', source: 'shop', target: 'shop', record: 'source' },
      payload: { key: 'm0' },
      depends_on_record: ['#/email'],
      read: { method: 'GET' },
      write: { mappings: ['m0'], holds_up_to: 3, call: { method: 'PUT' } },
      error: { code: 'unsafe_path', message: 'No.', stage: 'write' },
      notes: ['A note.'],
    })
    expect(body.mappings).toHaveLength(5)
    expect({ ...body, mappings: [] }).toEqual({
      would_be: 'accepted',
      replay_of: null,
      problem: null,
      total_mappings: 7,
      skipped_mappings: 0,
      priority: 'HIGH',
      batches: 2,
      batch_size: 5,
      predicted_seconds: 1,
      lanes: [
        {
          target: 'shop',
          kind: 'http',
          mappings: 7,
          batches: 2,
          reads_from: ['shop'],
          predicted_seconds: 1,
          bounded_by: 'concurrency',
          because: 'shop takes 20 calls at once, and one takes 50 ms.',
          mappings_before: 0,
          gate: { state: 'open', until: null, reason: null },
          limits: { concurrency: 20, rate: [], learned_rate: null, mappings_per_call: 1 },
          call_ms: 50,
        },
      ],
      mappings: [],
    })
  })

  test('keeps nothing at all of it', async () => {
    const database = openWriter(':memory:')
    const fixture = await openServer({ ...CONFIGURED, database })
    await post(fixture, '/ingest', { mappings: [mapping()] }, { 'idempotency-key': 'used' })
    await fixture.store.override('shop', { rate: [{ count: 5, per: 1000 }] })
    await fixture.store.gate('crm', { state: 'held', until: Date.now() + 60_000, reason: 'no' })
    const before = everything(database)
    const told = fixture.events.length
    for (const key of ['new', 'used']) {
      const { status } = await post(
        fixture,
        URL,
        { mappings: [mapping()] },
        { 'idempotency-key': key },
      )
      expect(status).toBe(200)
    }
    const bad = await post(fixture, URL, { mappings: [mapping(), mapping()] })
    expect(bad.status).toBe(400)
    expect(everything(database)).toBe(before)
    const since = fixture.events.slice(told).map(({ event }) => event)
    expect(since).not.toContain('request_accepted')
    const real = await post(
      fixture,
      '/ingest',
      { mappings: [mapping()] },
      { 'idempotency-key': 'new' },
    )
    expect(real.status).toBe(202)
    expect(real.headers).not.toHaveProperty('idempotency-replayed')
    expect(everything(database)).not.toBe(before)
  })

  test.each(FORMS)(
    'takes $type in $encoding, large or small, and keeps nothing of it',
    async (form) => {
      const database = openWriter(':memory:')
      const fixture = await openServer({
        ...CONFIGURED,
        database,
        limits: { maxBody: 3_000_000, maxMappings: 2 * LARGE },
      })
      const before = everything(database)
      for (const count of [1, LARGE]) {
        const { status, body } = await send(fixture, form, count)
        expect(status).toBe(200)
        expect(body).toMatchObject({
          ...{ would_be: 'accepted', total_mappings: count, skipped_mappings: 0 },
          lanes: [{ target: 't', mappings: count }],
        })
        expect(body.mappings).toHaveLength(Math.min(count, 5))
        const refused = await send(fixture, form, count, { id: 'm0' })
        expect(refused).toMatchObject({ status: 400, body: { type: DUPLICATE } })
        expect(refused.body.errors[0].pointer).toBe(`#/mappings/${count}/id`)
        const skipped = await send(fixture, form, count, { id: 'm0' }, '&on_invalid=skip')
        expect(skipped.body).toMatchObject({ total_mappings: count + 1, skipped_mappings: 1 })
      }
      expect(everything(database)).toBe(before)
      expect(fixture.events.map(({ event }) => event)).not.toContain('request_accepted')
    },
  )

  test('of a stream tells what its key would do, and waits for its time', async () => {
    const fixture = await openServer(CONFIGURED)
    const not_before = new Date(Date.now() + 7_200_000).toISOString()
    const asks = async (query: string, count: number, validate_only = 'true') => {
      const answer = await fixture.server.app.inject({
        method: 'POST',
        url: `/ingest?${new URLSearchParams({ validate_only, not_before })}${query}`,
        headers: { 'content-type': 'application/x-ndjson', 'idempotency-key': 'k' },
        payload: lines(count),
      })
      return answer.json()
    }
    const { predicted_seconds, ...first } = await asks('', 3)
    expect(first).toMatchObject({ would_be: 'accepted', lanes: [{ bounded_by: 'not_before' }] })
    expect(predicted_seconds).toBeGreaterThan(7000)
    const { request_id } = await asks('', 3, 'false')
    expect(await asks('', 3)).toMatchObject({ would_be: 'replayed', replay_of: request_id })
    expect(await asks('', 4)).toMatchObject({ would_be: 'refused', problem: { status: 422 } })
    expect(await asks('&priority=LOW', 3)).toMatchObject({ would_be: 'refused' })
  })

  test('is the real thing where it is false', async () => {
    const fixture = await openServer(CONFIGURED)
    const { status } = await post(fixture, '/ingest?validate_only=false', { mappings: [mapping()] })
    expect(status).toBe(202)
    expect((await fixture.store.totals()).activeRequests).toBe(1)
  })

  test('says that the answer would come again to a key that was used', async () => {
    const fixture = await openServer(CONFIGURED)
    const key = { 'idempotency-key': 'k' }
    const first = await post(fixture, '/ingest', { mappings: [mapping()] }, key)
    const { body } = await post(fixture, URL, { mappings: [mapping()] }, key)
    expect(body).toMatchObject({ would_be: 'replayed', replay_of: first.body.request_id })
  })

  test('says why it would be refused, and does not refuse', async () => {
    const fixture = await openServer({ ...CONFIGURED, limits: { maxBacklog: 1 } })
    const key = { 'idempotency-key': 'k' }
    await post(fixture, '/ingest', { mappings: [mapping()] }, key)
    expect((await post(fixture, '/ingest', { mappings: [mapping()] })).status).toBe(503)
    const other = { mappings: [mapping({ id: 'other' })] }
    const overloaded = await post(fixture, URL, other, key)
    expect(overloaded).toMatchObject({
      status: 200,
      body: {
        would_be: 'refused',
        problem: {
          type: '/problems/overloaded',
          status: 503,
          detail: 'At most 1 mappings may be open at once; try again later.',
        },
        lanes: [{ target: 'target_1' }],
      },
    })
    const roomy = await openServer(CONFIGURED)
    await post(roomy, '/ingest', { mappings: [mapping()] }, key)
    expect((await post(roomy, URL, other, key)).body).toMatchObject({
      would_be: 'refused',
      problem: { type: '/problems/idempotency-key-reused', status: 422 },
    })
  })

  test('takes a second at least, and tells how long a call takes only where that is known', async () => {
    const rehearsed = async (latency: number | null) => {
      const fixture = await openServer({ ...CONFIGURED, facts: () => ({ ...FACTS, latency }) })
      const { body } = await post(fixture, URL, {
        mappings: [mapping({ target: 'shop', data: 1 })],
      })
      return [body.predicted_seconds, body.lanes[0].call_ms]
    }
    expect(await rehearsed(0)).toEqual([1, 0])
    expect(await rehearsed(1001)).toEqual([2, 1001])
    expect(await rehearsed(null)).toEqual([FACTS.timeout / 1000, null])
  })

  test('cannot tell how long it takes while a gate is closed', async () => {
    const fixture = await openServer(CONFIGURED)
    const until = Date.now() + 60_000
    await fixture.store.gate('held', { state: 'held', until, reason: 'Answered 401.' })
    const mappings = ['held', 'open'].map((target) => mapping({ id: target, target, data: 1 }))
    const { body } = await post(fixture, URL, { mappings })
    expect(body).toMatchObject({
      would_be: 'accepted',
      predicted_seconds: null,
      lanes: [
        {
          target: 'held',
          predicted_seconds: null,
          bounded_by: 'gate',
          because: 'held is held, and nobody can tell until when: Answered 401.',
          gate: { state: 'held', until: new Date(until).toISOString(), reason: 'Answered 401.' },
        },
        { target: 'open', predicted_seconds: 1, gate: { state: 'open' } },
      ],
    })
  })

  test('tells of a thousand targets', async () => {
    const fixture = await openServer({
      ...CONFIGURED,
      limits: { maxMappings: 2000, maxBody: 1_000_000 },
    })
    const mappings = Array.from({ length: 1000 }, (_, n) => {
      return mapping({ id: `m${n}`, target: `t${n}`, data: n })
    })
    const { status, body } = await post(fixture, URL, { mappings })
    expect(status).toBe(200)
    expect(body.lanes).toHaveLength(1000)
  })

  test('is what its schema says, and so is the example', async () => {
    const schema = Type.Object({
      ...RehearsalSchema.properties,
      problem: Type.Union([Type.Object({ type: Type.String() }), Type.Null()]),
    })
    const fixture = await openServer(CONFIGURED)
    const { body } = await post(fixture, URL, { mappings: [mapping()] })
    expect([...Value.Errors(schema, body)]).toEqual([])
    expect([...Value.Errors(schema, REHEARSAL_EXAMPLE)]).toEqual([])
    expect(Object.keys(REHEARSAL_EXAMPLE)).toEqual(Object.keys(body))
  })
})
