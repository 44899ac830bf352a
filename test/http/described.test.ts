/** Every answer is as the API's own document says: status, headers, form and body. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import Type from 'typebox'
import Value from 'typebox/value'
import { expect, test } from 'vitest'
import { NO_TERMS } from '../../src/core/request.ts'
import { newId } from '../../src/lib/random.ts'
import { StoreUnavailable } from '../../src/store/store.ts'
import { claimed, inserted, join, settled } from '../contract/steps.ts'
import { done } from '../support/requests.ts'
import { type Changes, mapping, openServer } from './server.ts'

const Media = Type.Object({
  schema: Type.Object({}),
  examples: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
})
const Answer = Type.Object({
  headers: Type.Optional(
    Type.Record(Type.String(), Type.Object({ schema: Type.Object({ type: Type.String() }) })),
  ),
  content: Type.Optional(Type.Record(Type.String(), Media)),
})
const Document = Type.Object({
  paths: Type.Record(
    Type.String(),
    Type.Record(Type.String(), Type.Object({ responses: Type.Record(Type.String(), Answer) })),
  ),
  components: Type.Object({ schemas: Type.Record(Type.String(), Type.Object({})) }),
})

/** What an answer has whatever it says, or HTTP itself defines for its status. */
const USUAL_HEADERS = new Set([
  ...['cache-control', 'connection', 'content-length', 'content-type', 'date', 'keep-alive'],
  ...['content-security-policy', 'transfer-encoding', 'vary', 'x-content-type-options'],
  ...['x-accel-buffering', 'allow', 'accept-encoding'],
])

/** Closed: nothing is sent that the document does not tell of. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed)
  if (typeof schema !== 'object' || schema === null) return schema
  const all = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]))
  return 'properties' in all && !('additionalProperties' in all) && all['type'] === 'object'
    ? { ...all, additionalProperties: false }
    : all
}

/** A running service, and a client that holds each of its answers against its document. */
async function described(changes: Changes = {}) {
  const fixture = await openServer(changes)
  const url = await fixture.server.listen()
  const json: unknown = await (await fetch(`${url}/openapi.json`)).json()
  const { paths, components } = Value.Parse(Document, closed(json))
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  addFormats.default(ajv)
  ajv.addSchema({ $id: 'document', components })
  const seen = new Set<string>()

  const checks = new Map<object, ValidateFunction>()

  function faultsOf(schema: object, value: unknown): readonly unknown[] {
    const known = checks.get(schema)
    const local = JSON.stringify(schema).replaceAll('"#/components', '"document#/components')
    const check = known ?? ajv.compile(JSON.parse(local))
    checks.set(schema, check)
    return check(value) ? [] : [check.errors]
  }

  /** @param path as the document has it, its parameters in the order of `parameters` */
  async function ask(
    route: string,
    { parameters = [], query = '', ...init }: Asked = {},
  ): Promise<{ readonly status: number; readonly text: string; readonly headers: Headers }> {
    const [method = '', path = ''] = route.split(' ')
    const rest = [...parameters]
    const target = path.replaceAll(/\{\w+\}/g, () => encodeURIComponent(rest.shift() ?? ''))
    const answer = await fetch(`${url}${target}${query}`, { ...init, method })
    const text = await answer.text()
    const { status, headers } = answer
    const said = paths[path]?.[method.toLowerCase()]?.responses[status]
    expect(said, `${route} answers ${status}: ${text}`).toBeDefined()
    seen.add(`${route} ${status}`)

    const names = [...headers.keys()].filter((name) => !USUAL_HEADERS.has(name))
    const told = Object.fromEntries(
      Object.entries(said?.headers ?? {}).map(([name, { schema }]) => [name.toLowerCase(), schema]),
    )
    expect(Object.keys(told), `headers of ${route} ${status}`).toEqual(
      expect.arrayContaining(names),
    )
    for (const name of names) {
      const value = headers.get(name) ?? ''
      if (told[name]?.type === 'integer') expect(value).toMatch(/^\d+$/)
    }
    if (status === 503 || status === 429) expect(headers.has('retry-after')).toBe(true)

    const [type = ''] = (headers.get('content-type') ?? '').split(';')
    const media = said?.content?.[type]
    if (text === '' && said?.content === undefined) return { status, text, headers }
    expect(media, `${route} ${status} as ${type}`).toBeDefined()
    for (const value of valuesOf(type, text)) {
      expect(faultsOf(media?.schema ?? {}, value), `${route} ${status}: ${text}`).toEqual([])
    }
    if (type === 'application/problem+json') {
      const problem: { type: string; status: number } = JSON.parse(text)
      const slugs = Object.keys(media?.examples ?? {}).map((slug) => `/problems/${slug}`)
      expect(slugs, `problems of ${route} ${status}`).toContain(problem.type)
      expect(problem.status).toBe(status)
    }
    return { status, text, headers }
  }

  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
  return { ...fixture, ask, seen, operations }
}

interface Asked extends RequestInit {
  readonly parameters?: readonly string[]
  readonly query?: string
}

/** What the schema of a media type is about. */
function valuesOf(type: string, text: string): readonly unknown[] {
  if (type.endsWith('json') && !/x-ndjson|ndjson$|jsonl/.test(type)) return [JSON.parse(text)]
  if (!/ndjson|jsonl/.test(type)) return [text]
  return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]))
}

function json(body: unknown, headers: Readonly<Record<string, string>> = {}): Asked {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return { body: text, headers: { 'content-type': 'application/json', ...headers } }
}

test('every answer is as the document of the API has it, whatever was asked', async () => {
  const { ask, seen, operations, store } = await described()
  await join(store)
  const callbackUrl = 'https://ops.example.com/done'
  const finished = (await inserted(store, { total: 10 })).id
  const [first, second] = await claimed(store)
  if (first === undefined || second === undefined) throw new Error('ten mappings are two batches')
  await settled(store, [done(first, { failed: 2 }), done(second)])
  const open = (await inserted(store, { total: 10, terms: { ...NO_TERMS, callbackUrl } })).id
  const hostile = ['nothing', newId(0), '%', 'a/b', `${open} `, '\0', 'ü', 'x'.repeat(2000)]

  for (const route of ['GET /health', 'GET /livez', 'GET /readyz']) {
    await ask(route)
    await ask(route, { query: '?a=1' })
    await ask(route, { headers: { accept: 'text/html' } })
  }

  const one = { mappings: [mapping()] }
  const ingest = 'POST /ingest'
  await ask(ingest, json(one, { 'idempotency-key': 'k' }))
  expect((await ask(ingest, json(one, { 'idempotency-key': 'k' }))).headers.has('location')).toBe(
    true,
  )
  await ask(ingest, json({ ...one, priority: 'LOW' }, { 'idempotency-key': 'k' }))
  await ask(ingest, json(one, { 'idempotency-key': 'a b' }))
  await ask(ingest, { ...json(one), query: '?validate_only=true' })
  await ask(ingest, { ...json({ mappings: [mapping(), 1] }), query: '?on_invalid=skip' })
  await ask(ingest, { ...json(one), query: '?priority=LOW' })
  await ask(ingest, json(one, { 'content-encoding': 'br' }))
  await ask(ingest, json(one, { 'content-encoding': 'gzip' }))
  await ask(ingest, json(one, { 'content-type': 'text/plain' }))
  await ask(ingest, json(one, { 'sec-fetch-site': 'cross-site' }))
  await ask(ingest, json(one, { accept: 'text/html' }))
  await ask(ingest, json('a\n', { 'content-type': 'text/csv' }))
  await ask(ingest, json(JSON.stringify(mapping()), { 'content-type': 'application/x-ndjson' }))
  await ask(
    ingest,
    json({ mappings: Array.from({ length: 101 }, (_, n) => mapping({ id: `${n}` })) }),
  )
  for (const body of [
    ...['', '{', 'null', '[]', '\uFEFF{}', '['.repeat(50), `"${'x'.repeat(100_000)}"`],
    ...[
      { mappings: [mapping(), mapping()] },
      { ...one, a: 1 },
      { ...one, callback_url: 'ftp://a' },
    ],
    ...[{ ...one, retry_of: newId(0) }, { mappings: [mapping({ target: 'callback:x' })] }],
    ...[{ mappings: [mapping({ transformation: { a: '{% ( %}' } })] }, { ...one, a: '\ud800' }],
  ]) {
    await ask(ingest, json(body))
  }

  const ofRequests = ['', '/failures', '/results', '/events'].map((end) => `GET /status/{id}${end}`)
  for (const route of ofRequests) {
    for (const id of hostile) await ask(route, { parameters: [id] })
    await ask(route, { parameters: [finished] })
    await ask(route, { parameters: [finished], query: '?a=1' })
    await ask(route, { parameters: [finished], headers: { accept: 'image/png' } })
    await ask(route, {
      parameters: [finished],
      headers: { 'if-none-match': '*', range: 'bytes=0-1', prefer: 'wait=1' },
    })
  }
  await ask('GET /status/{id}', { parameters: [open] })
  const results = 'GET /status/{id}/results'
  for (const accept of ['application/x-ndjson', 'application/jsonl', 'text/csv']) {
    for (const query of ['', '?status=failed', '?status=pending', '?limit=1']) {
      for (const id of [finished, open])
        await ask(results, { parameters: [id], query, headers: { accept } })
    }
  }
  for (const query of [
    '?limit=3',
    '?limit=0',
    '?limit=1&limit=2',
    '?cursor=x',
    '?cursor=%00',
    '?status=x',
  ]) {
    await ask(results, { parameters: [finished], query })
  }
  const events = 'GET /status/{id}/events'
  const told = await ask(events, { parameters: [finished] })
  const [last = ''] = /(?<=id: )\S+(?=\ndata: .*\n\n$)/.exec(told.text) ?? []
  for (const id of [last, 'made up', '%', last.toUpperCase()]) {
    await ask(events, { parameters: [finished], headers: { 'last-event-id': id } })
  }

  for (const query of [
    ...[
      '',
      '?status=failed',
      '?status=x',
      '?priority=high',
      '?limit=1',
      '?limit=99999',
      '?cursor=x',
    ],
    ...[
      '?created_after=2026-01-31T23:59:60Z',
      '?created_after=2026-01-31T09:30:00Z',
      '?created_after=',
    ],
  ]) {
    await ask('GET /requests', { query })
  }

  const retry = 'POST /requests/{id}/retry'
  const cancel = 'POST /requests/{id}/cancel'
  for (const id of hostile) {
    for (const route of [retry, cancel]) await ask(route, { parameters: [id] })
  }
  await ask(retry, { parameters: [finished], ...json({}, { 'idempotency-key': 'r' }) })
  await ask(retry, { parameters: [finished], ...json({ code: 'x' }, { 'idempotency-key': 'r' }) })
  for (const route of [retry, cancel]) {
    await ask(route, { parameters: [open], ...json({ code: 1 }) })
    await ask(route, { parameters: [open], ...json('{') })
    await ask(route, { parameters: [open], ...json('x'.repeat(200_000)) })
    await ask(route, { parameters: [open], ...json('x'.repeat(2_000_000)) })
    await ask(route, { parameters: [open], ...json('x', { 'content-type': 'text/plain' }) })
    await ask(route, { parameters: [open], ...json('', { 'content-encoding': 'gzip' }) })
    await ask(route, { parameters: [open], headers: { origin: 'https://elsewhere.example' } })
    await ask(route, { parameters: [open], query: '?a' })
  }
  await ask(retry, { parameters: [open] })
  await ask(cancel, { parameters: [finished] })
  await ask(cancel, { parameters: [open] })
  for (const route of ofRequests) await ask(route, { parameters: [open] })

  const names = [
    'crm',
    'a/b',
    '%',
    'ü',
    'x'.repeat(129),
    '\0',
    'callback:x',
    'callback:https://a.example',
  ]
  for (const name of names) {
    for (const route of ['GET /systems/{name}', 'POST /systems/{name}/resume']) {
      await ask(route, { parameters: [name] })
    }
    for (const body of [
      { paused: true },
      { rate: '5/s', concurrency: 2 },
      {},
      { rate: 1 },
      { a: 1 },
      '{',
      1,
    ]) {
      await ask('PATCH /systems/{name}', { parameters: [name], ...json(body) })
    }
  }
  await ask('PATCH /systems/{name}', { parameters: ['crm'] })
  await ask('PATCH /systems/{name}', { parameters: ['crm'], ...json('x'.repeat(100_000)) })
  await store.gate('crm', { state: 'held', until: Date.now() + 60_000, reason: 'no' })
  await ask('POST /systems/{name}/resume', { parameters: ['crm'] })
  await ask('POST /systems/{name}/resume', { parameters: ['crm'], ...json({}) })
  for (const query of ['', '?limit=1', '?cursor=x', '?a=1']) await ask('GET /systems', { query })

  const missed = operations.filter((route) =>
    ['200', '202'].every((status) => !seen.has(`${route} ${status}`)),
  )
  expect(missed).toEqual([])
})

test.each([
  ['does not answer', new StoreUnavailable('away'), 503],
  ['has a fault', new Error('a bug'), 500],
])('so are those of a service whose store %s', async (_, error, expected) => {
  const { ask, operations } = await described({
    wrap: (store) =>
      new Proxy(store, {
        get: (real, name) => (name === 'kind' ? real.kind : () => Promise.reject(error)),
      }),
  })
  const parameters = [newId(0)]
  const bodies: Readonly<Record<string, Asked>> = {
    'POST /ingest': json({ mappings: [mapping()] }),
    'PATCH /systems/{name}': json({ paused: true }),
  }
  for (const route of operations) {
    const { status } = await ask(route, { parameters, ...bodies[route] })
    if (route !== 'GET /livez') expect(status).toBe(OF_THE_STORE.has(route) ? 503 : expected)
  }
})

/** These tell how the store is. */
const OF_THE_STORE = new Set(['GET /health', 'GET /readyz'])
