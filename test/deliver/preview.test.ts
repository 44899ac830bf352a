// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the references of a systems file
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Mapping } from '../../src/core/mapping.ts'
import { previewDemo } from '../../src/deliver/kinds.ts'
import { previewer } from '../../src/deliver/preview.ts'
import { openTransformer } from '../../src/deliver/transform/transformer.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { pass } from '../dispatch/time.ts'
import { SimulatedClock } from '../sim/clock.ts'
import { temporaryDirectory } from '../support/process.ts'
import { shown, shownWrite } from './previews.ts'

const NIL = '00000000-0000-0000-0000-000000000000'

/** Computes what is asked of it, until the test is over. */
function compute() {
  const { transform, close } = openTransformer({
    clock: systemClock,
    onUnavailable: (reason) => {
      throw new Error(reason)
    },
  })
  onTestFinished(close)
  return transform
}

describe('each kind shows its calls in its own form', () => {
  test.each<readonly [string, string, object, object]>([
    [
      'postgres',
      '{kind: postgres, url: "postgres://db.example/d", write: {table: s.t, key: id, columns: [a, b]}}',
      { a: 1, c: 2 },
      {
        statement:
          'INSERT INTO "s"."t" ("id", "a", "b") SELECT "id", "a", "b" FROM json_populate_recordset(NULL::"s"."t", $1::json) ON CONFLICT ("id") DO UPDATE SET "a" = EXCLUDED."a", "b" = EXCLUDED."b"',
        parameters: ['[{"id":"map_001","a":1,"b":null}]'],
      },
    ],
    [
      'mongodb',
      '{kind: mongodb, url: "mongodb://m.example", database: d, collection: c, key: sku}',
      { a: 1 },
      {
        database: 'd',
        collection: 'c',
        bulkWrite: [
          {
            replaceOne: {
              filter: { sku: { $eq: 'map_001' } },
              replacement: { sku: 'map_001', a: 1 },
              upsert: true,
            },
          },
        ],
        ordered: false,
      },
    ],
    [
      'redis',
      '{kind: redis, url: "redis://r.example", stream: "s:{source}", max_length: 100}',
      { a: 1 },
      {
        commands: [
          [
            ...['XADD', 's:crm', 'MAXLEN', '~', '100', '*', 'mapping_id', 'map_001'],
            ...['idempotency_key', `${NIL}:0`, 'payload', '{"a":1}'],
          ],
        ],
      },
    ],
    [
      'amqp',
      '{kind: amqp, url: "amqp://q.example/v", exchange: e, routing_key: "k.{id}"}',
      { a: 1 },
      {
        exchange: 'e',
        messages: [
          {
            routing_key: 'k.map_001',
            message_id: `${NIL}:0`,
            headers: {
              traceparent: `00-${NIL.replaceAll('-', '')}-0000000000000001-01`,
              'sluice-request-id': NIL,
              'sluice-mapping-id': 'map_001',
            },
            body: '{"a":1}',
          },
        ],
      },
    ],
    [
      'file',
      '{kind: file, directory: /var, write: {format: csv, path: a.csv, columns: [b, a]}}',
      { a: 1, b: 'x,y' },
      { path: 'a.csv', format: 'csv', append: '"x,y",1\n' },
    ],
    [
      'simulated',
      '{kind: simulated, latency: 20ms}',
      { a: 1 },
      { body: { a: 1 }, latency_ms: 20, success_rate: 0.9 },
    ],
  ])('%s', async (_, entry, payload, call) => {
    const preview = await shownWrite(entry, payload)
    expect(preview).toMatchObject({ payload, error: null, notes: [], write: { call } })
    expect(preview?.write?.call).toEqual(call)
  })

  test.each([
    [
      '{kind: postgres, url: "postgres://db.example/d", read: {table: t, key: id, columns: [a]}}',
      { statement: expect.stringMatching(/^SELECT .*WHERE "id" = \$1/), parameters: ['map_001'] },
    ],
    [
      '{kind: file, directory: /var, read: {format: ndjson, path: a.ndjson, key: id}}',
      { format: 'ndjson', path: 'a.ndjson', key: 'id', is: 'map_001' },
    ],
  ])('%s reads', async (entry, read) => {
    const text = `systems: {crm: ${entry}, shop: {kind: simulated}}`
    const [preview] = await shown(text, [{ id: 'map_001', source: 'crm', target: 'shop' }])
    expect(preview).toMatchObject({ record: 'source', read })
  })

  test.each([
    ['{kind: postgres, url: "postgres://db.example/d"}', 'not_configured'],
    ['{kind: file, directory: /var}', 'not_configured'],
    ['{kind: mongodb, url: "mongodb://m.example", database: d, collection: c}', 'invalid_payload'],
  ])('%s shows what would fail', async (entry, code) => {
    const preview = await shownWrite(entry, { $a: 1 })
    expect(preview).toMatchObject({ write: null, error: { code, stage: 'write' } })
  })
})

const SHOPS = `systems:
  crm: {kind: http, base_url: "https://crm.example.com", read: {path: "/c/{id}"}}
  shop: {kind: http, base_url: "https://shop.example.com", write: {method: PUT, path: "/c/{id}"}}
  many: {kind: http, base_url: "https://many.example.com", bulk: {path: /bulk, max: 2}}
`

function mapping(changes: Partial<Mapping> = {}): Mapping {
  return { id: 'map_001', source: 'crm', target: 'shop', ...changes }
}

describe('a mapping is shown', () => {
  test('with the payload that its data make, and the call that would write it', async () => {
    const transformation = { email: '{% $lowercase(record.email) %}', kind: 'contact' }
    const one = mapping({ data: { email: 'ANN@EXAMPLE.COM' }, transformation })
    const [preview] = await shown(SHOPS, [one], { transform: compute() })
    expect(preview).toEqual({
      ...{ id: 'map_001', source: 'crm', target: 'shop', record: 'data' },
      payload: { email: 'ann@example.com', kind: 'contact' },
      unread: [],
      read: null,
      write: {
        mappings: ['map_001'],
        together: 1,
        call: expect.objectContaining({
          method: 'PUT',
          url: 'https://shop.example.com/c/map_001',
          body: '{"email":"ann@example.com","kind":"contact"}',
        }),
      },
      error: null,
      notes: [],
    })
  })

  test('with what does not depend on the record, where that is only read later', async () => {
    const transformation = { key: '{% source & id %}', email: '{% record.email %}' }
    const [preview] = await shown(SHOPS, [mapping({ transformation })], { transform: compute() })
    expect(preview).toMatchObject({
      record: 'source',
      payload: { key: 'crmmap_001', email: '{% record.email %}' },
      unread: ['#/email'],
      read: { method: 'GET', url: 'https://crm.example.com/c/map_001', body: null },
      write: { call: { body: '{"key":"crmmap_001","email":"{% record.email %}"}' } },
    })
  })

  test('without a payload that is the record itself, and is only read later', async () => {
    const [preview] = await shown(SHOPS, [mapping()])
    expect(preview).toMatchObject({
      record: 'source',
      payload: null,
      unread: ['#'],
      read: { method: 'GET' },
      write: null,
      error: null,
      notes: ['The payload is the record itself, which is not read now.'],
    })
  })

  test('with its own coordinates, where there is neither a record nor a transformation', async () => {
    const [preview] = await shown(SHOPS, [mapping({ source: 'shop' })])
    const payload = { id: 'map_001', source: 'shop', target: 'shop' }
    expect(preview).toMatchObject({ record: 'none', payload, read: null })
  })

  test('with the error that its transformation would fail with', async () => {
    const transformation = { n: '{% $number(record) %}' }
    const [preview] = await shown(SHOPS, [mapping({ data: 'x', transformation })], {
      transform: compute(),
    })
    expect(preview).toMatchObject({
      payload: null,
      write: null,
      error: {
        code: 'transformation_failed',
        stage: 'transform',
        message: expect.stringContaining('#/n'),
      },
    })
  })

  test('in the call that it shares with others, as many as one holds', async () => {
    const three = ['a', 'b', 'c'].map((id) => mapping({ id, target: 'many', data: { of: id } }))
    const previews = await shown(SHOPS, three)
    expect(previews.map(({ write }) => write?.mappings)).toEqual([['a', 'b'], ['a', 'b'], ['c']])
    expect(previews[0]?.write?.call).toEqual(previews[1]?.write?.call)
    expect(previews[0]?.write).toMatchObject({
      together: 2,
      call: { url: 'https://many.example.com/bulk', body: '[{"of":"a"},{"of":"b"}]' },
    })
  })

  test('alone, where its neighbour cannot be written', async () => {
    const text = `systems: {db: {kind: postgres, url: "postgres://d.example/d", write: {table: t, key: id, columns: [a]}}}`
    const both = [{ a: 1 }, 'text'].map((data, n) => ({
      id: `m${n}`,
      source: 'db',
      target: 'db',
      data,
    }))
    const [good, bad] = await shown(text, both)
    expect(good?.write?.mappings).toEqual(['m0'])
    expect(bad).toMatchObject({ write: null, error: { code: 'invalid_payload' } })
  })

  test('but not what is too large to look at', async () => {
    const data = { text: 'x'.repeat(20_000) }
    const [preview] = await shown(SHOPS, [mapping({ data })])
    expect(preview).toMatchObject({ payload: null, write: null, error: null })
    expect(preview?.notes).toEqual([
      'The payload is too large to be shown: 20,011 characters of JSON.',
      expect.stringContaining('The call is too large to be shown'),
    ])
  })

  test('as far as it goes, where its expressions take too long', async () => {
    const clock = new SimulatedClock()
    const preview = previewer(
      () =>
        previewDemo({ simulated: { latency: 5, successRate: 1 }, userAgent: '', directory: '' }),
      (_, __, signal) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => resolve({ kind: 'interrupted' }))
        }),
      clock,
    )
    const slow = mapping({ transformation: { x: '{% 1 %}' } })
    const previews = preview([{ ordinal: 0, mapping: slow }], {})
    await pass(clock, 10_000)
    expect(await previews).toMatchObject([
      {
        payload: null,
        write: null,
        error: null,
        notes: ['The expressions could not be computed in time to be shown.'],
      },
    ])
  })
})

describe('a kind of one’s own', () => {
  /** A file that defines a kind, beside a systems file that names it. */
  async function own(preview: string) {
    const directory = await temporaryDirectory()
    await mkdir(join(directory, 'kinds'))
    await writeFile(
      join(directory, 'kinds/own.ts'),
      `import { defineKind, Type } from 'sluice/kind'
       export default defineKind({
         config: Type.Object({ token: Type.String() }),
         connect: () => ({
           read: async () => ({ kind: 'record', record: 1 }),
           write: async () => ({ kind: 'delivered', result: null }),
         }),
         ${preview}
       })`,
    )
    const text = 'systems: {own: {kind: ./kinds/own.ts, token: "${TOKEN}"}}'
    const mappings = [{ id: 'm', source: 'own', target: 'own', transformation: { a: 1 } }]
    const [first] = await shown(text, mappings, { directory, env: { TOKEN: 'canary' } })
    return first
  }

  test('may show its calls, and is given no secret for it', async () => {
    const preview = await own(`preview: ({ config }) => ({
      read: (call) => ({ get: call.mapping.id, with: config.token }),
      write: (call, payload) => ({ put: payload, with: config.token }),
    }),`)
    expect(preview).toMatchObject({
      read: { get: 'm', with: '***' },
      write: { call: { put: { a: 1 }, with: '***' }, mappings: ['m'] },
      notes: [],
    })
  })

  const NOT_SHOWN = 'Systems of this kind do not show their calls.'
  const FAILED = 'The kind of this system could not show its call.'

  test.each([
    ['leaves it out', '', NOT_SHOWN],
    ['has nothing to show', 'preview: () => ({}),', NOT_SHOWN],
    ['throws at once', 'preview: () => { throw new Error("canary") },', FAILED],
    ['stumbles over a mask', 'preview: ({ config }) => new URL(config.token),', FAILED],
    [
      'throws each time',
      'preview: () => ({ read() { throw 1 }, write() { throw new Error("canary") } }),',
      FAILED,
    ],
    [
      'gives what is no JSON',
      'preview: () => ({ read: () => 1n, write: () => undefined }),',
      FAILED,
    ],
    ['gives no object', 'preview: () => ({ read: () => null, write: () => [1] }),', FAILED],
  ])('that %s is told of, and harms nobody', async (_, preview, note) => {
    expect(await own(preview)).toMatchObject({
      payload: { a: 1 },
      read: null,
      write: null,
      error: null,
      notes: [note, note],
    })
  })
})
