import Type from 'typebox'
import Value from 'typebox/value'
import { describe, expect, test } from 'vitest'
import { IngestQuery } from '../../src/http/ingest-schema.ts'
import { MEDIA_TYPES } from '../../src/http/negotiation.ts'
import { PROBLEMS } from '../../src/http/problem.ts'
import { RESULT_TYPES } from '../../src/http/results/types.ts'
import { openServer } from './server.ts'

/** The shape of an OpenAPI 3.1 document, as far as this one goes. */
const Media = Type.Record(Type.String(), Type.Object({ schema: Type.Object({}) }), {
  minProperties: 1,
})
const Operation = Type.Object({
  operationId: Type.String(),
  summary: Type.String(),
  tags: Type.Array(Type.String(), { minItems: 1 }),
  parameters: Type.Optional(
    Type.Array(
      Type.Object({
        name: Type.String(),
        in: Type.Enum(['query', 'path', 'header']),
        schema: Type.Object({}),
      }),
    ),
  ),
  requestBody: Type.Optional(Type.Object({ content: Media, required: Type.Boolean() })),
  responses: Type.Record(
    Type.String({ pattern: '^[1-5]\\d\\d$' }),
    Type.Object({ description: Type.String({ minLength: 1 }), content: Type.Optional(Media) }),
  ),
})
/** Its answers come from others. */
const Webhook = Type.Object({
  post: Type.Interface([Type.Omit(Operation, ['responses'])], {
    responses: Type.Record(Type.String(), Type.Object({ description: Type.String() })),
  }),
})
const Document = Type.Object({
  openapi: Type.Literal('3.1.0'),
  info: Type.Object({ title: Type.String(), version: Type.String() }),
  paths: Type.Record(Type.String({ pattern: '^/' }), Type.Record(Type.String(), Operation)),
  webhooks: Type.Record(Type.String(), Webhook),
  components: Type.Object({ schemas: Type.Record(Type.String(), Type.Object({})) }),
})

async function readDocument() {
  const { server } = await openServer()
  const answer = await server.app.inject({ url: '/openapi.json' })
  return Value.Parse(Document, answer.json())
}

/** The places where null may stand that have no description, and are part of nothing that speaks of null. */
function unexplained(value: unknown, path = '', isToldOf = false): readonly string[] {
  if (typeof value !== 'object' || value === null) return []
  const { description, anyOf }: { description?: unknown; anyOf?: unknown } = value
  const tellsOfNull = isToldOf || /\bnull\b/i.test(String(description))
  const mayBeNull =
    Array.isArray(anyOf) && anyOf.some(({ type }: { type?: unknown }) => type === 'null')
  const own = mayBeNull && !tellsOfNull && description === undefined ? [path] : []
  const inner = Object.entries(value).filter(([key]) => key !== 'description')
  return [
    ...own,
    ...inner.flatMap(([key, each]) => unexplained(each, `${path}/${key}`, tellsOfNull)),
  ]
}

describe('/openapi.json', () => {
  test('has every route of the API', async () => {
    const document = await readDocument()
    const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    )
    expect(routes.sort()).toEqual([
      'get /health',
      'get /livez',
      'get /readyz',
      'get /requests',
      'get /status/{id}',
      'get /status/{id}/events',
      'get /status/{id}/failures',
      'get /status/{id}/results',
      'get /systems',
      'get /systems/{name}',
      'patch /systems/{name}',
      'post /ingest',
      'post /requests/{id}/cancel',
      'post /requests/{id}/retry',
      'post /systems/{name}/resume',
    ])
  })

  test('has what we send by ourselves', async () => {
    const { webhooks } = await readDocument()
    expect(Object.keys(webhooks)).toEqual(['requestFinished'])
    const { post } = webhooks['requestFinished'] ?? {}
    expect(post?.parameters?.map(({ name }) => name)).toEqual([
      'webhook-id',
      'webhook-timestamp',
      'webhook-signature',
    ])
    expect(JSON.stringify(post?.requestBody)).toContain('#/components/schemas/RequestStatus')
  })

  test('can be tried out at /docs, whatever the method', async () => {
    const { server } = await openServer()
    const { payload } = await server.app.inject({ url: '/docs/static/swagger-initializer.js' })
    const [, list = '[]'] = /supportedSubmitMethods":(\[[^\]]*\])/.exec(payload) ?? []
    const { paths } = await readDocument()
    const methods = new Set(Object.values(paths).flatMap((path) => Object.keys(path)))
    expect(new Set(JSON.parse(list))).toEqual(methods)
  })

  test('has every problem of the API, each with an example', async () => {
    const document = await readDocument()
    const text = JSON.stringify(document.paths)
    for (const slug of Object.keys(PROBLEMS)) expect(text).toContain(`"/problems/${slug}"`)
  })

  test('has a description for every field that can be sent, and an example of the whole', async () => {
    const document = await readDocument()
    const [media] = Object.values(document.paths['/ingest']?.['post']?.requestBody?.content ?? {})
    const fields = JSON.stringify(media?.schema)
    for (const name of [
      ...['mappings', 'priority', 'batch_size', 'callback_url', 'metadata', 'transformation'],
    ]) {
      expect(fields).toMatch(new RegExp(`"${name}":\\{.*"description"`))
    }
    expect(media).toHaveProperty('example.mappings.0.id', 'map_001')
  })

  test('has a description for every parameter, of whatever route', async () => {
    const { paths } = await readDocument()
    const all = Object.values(paths).flatMap((methods) => Object.values(methods))
    const parameters = all.flatMap((operation) => operation.parameters ?? [])
    expect(parameters.filter((one) => !('description' in one))).toEqual([])
  })

  test('has a description for every field that may be null', async () => {
    expect(unexplained(await readDocument())).toEqual([])
  })

  test('tells of a rehearsal beside the real thing', async () => {
    const document = await readDocument()
    const operation = document.paths['/ingest']?.['post']
    expect(Object.keys(operation?.responses ?? {})).toEqual(expect.arrayContaining(['200', '202']))
    const parameter = operation?.parameters?.find(({ name }) => name === 'validate_only')
    expect(parameter).toMatchObject({ in: 'query' })
    expect(parameter?.schema).toMatchObject({ enum: ['true', 'false'], default: 'false' })
    expect(document.components.schemas['Rehearsal']).toMatchObject({
      examples: [{ would_be: 'accepted' }],
    })
  })

  test('says of every answer but one without a body what it is made of', async () => {
    const document = await readDocument()
    const bare = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.values(methods).flatMap(({ responses }) =>
        Object.keys(responses)
          .filter((status) => responses[status]?.content === undefined)
          .map((status) => `${status} ${path}`),
      ),
    )
    expect(bare).toEqual(['204 /status/{id}/events'])
  })

  test('has every form of the results', async () => {
    const document = await readDocument()
    const answer = document.paths['/status/{id}/results']?.['get']?.responses['200']
    expect(Object.keys(answer?.content ?? {})).toEqual(RESULT_TYPES)
  })

  test('says which body may be left out', async () => {
    const { paths } = await readDocument()
    const isRequired = (path: string) => paths[path]?.['post']?.requestBody?.required
    expect(['/ingest', '/requests/{id}/retry'].map(isRequired)).toEqual([true, false])
  })

  test('has every form that mappings come in, with an example, and every option', async () => {
    const document = await readDocument()
    const operation = document.paths['/ingest']?.['post']
    const forms = operation?.requestBody?.content ?? {}
    expect(Object.keys(forms).sort()).toEqual(Object.values(MEDIA_TYPES).flat().sort())
    for (const media of Object.values(forms)) {
      expect(JSON.stringify(media)).toMatch(/"example[s"]/)
      expect(media.schema).toHaveProperty('description')
    }
    const parameters = operation?.parameters ?? []
    const named = (place: string) => parameters.flatMap((one) => (one.in === place ? one.name : []))
    expect(named('query')).toEqual(expect.arrayContaining(Object.keys(IngestQuery.properties)))
    expect(named('header')).toEqual(['idempotency-key', 'content-encoding'])
    for (const parameter of parameters) expect(parameter).toHaveProperty('description')
    const statuses = Object.keys(operation?.responses ?? {})
    for (const status of ['202', '400', '408', '409', '413', '415', '422', '503']) {
      expect(statuses).toContain(status)
    }
  })

  test('points only at schemas that it has', async () => {
    const document = await readDocument()
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)]
    const known = Object.keys(document.components.schemas)
    const pointers = references.map(([, pointer]) => pointer)
    expect(new Set(pointers)).toEqual(new Set(known.map((name) => `#/components/schemas/${name}`)))
  })
})
