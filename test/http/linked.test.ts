/** A request that says which earlier one it carries out again. */
import { describe, expect, test } from 'vitest'
import { newId } from '../../src/lib/random.ts'
import { inserted } from '../contract/steps.ts'
import { lines } from '../intake/stage.ts'
import { type Fixture, mapping, openServer } from './server.ts'

interface Form {
  readonly type: string
  readonly query: string
  readonly body: string
  /** Where the option stands. */
  readonly pointer: string
}

const LARGE = 'x'.repeat(1_100_000)

/** Every way to hand in what is a retry of `first`. */
const FORMS: Readonly<Record<string, (first: string) => Form>> = {
  'a small JSON body': (first) => json(first, 1),
  'a large JSON body': (first) => json(first, LARGE),
  NDJSON: (first) => stream(first, 'application/x-ndjson', lines(3)),
  'much NDJSON': (first) => stream(first, 'application/x-ndjson', lines(15_000)),
  CSV: (first) => stream(first, 'text/csv', 'id,source,target\na,s,t\n'),
}

function json(first: string, data: unknown): Form {
  const body = JSON.stringify({ mappings: [mapping({ data })], retry_of: first })
  return { type: 'application/json', query: '', body, pointer: '#/retry_of' }
}

function stream(first: string, type: string, body: string): Form {
  return { type, query: `?retry_of=${first}`, body, pointer: '#/query/retry_of' }
}

async function post({ server }: Fixture, { type, query, body }: Form) {
  const answer = await server.app.inject({
    method: 'POST',
    url: `/ingest${query}`,
    headers: { 'content-type': type },
    payload: body,
  })
  return { status: answer.statusCode, body: answer.json() }
}

async function get({ server }: Fixture, url: string) {
  return (await server.app.inject({ url })).json()
}

function opened(): Promise<Fixture> {
  return openServer({ limits: { maxBody: 2_000_000 } })
}

describe.each(Object.entries(FORMS))('%s', (_, form) => {
  test('is linked to an earlier request, and says so in its status', async () => {
    const fixture = await opened()
    const first = await inserted(fixture.store)
    const { status, body } = await post(fixture, form(first.id))
    expect(status).toBe(202)
    expect(await get(fixture, `/status/${body.request_id}`)).toMatchObject({ retry_of: first.id })
    expect(await get(fixture, `/status/${first.id}`)).toMatchObject({ retry_of: null })
    const { requests } = await get(fixture, '/requests')
    expect(requests.map(({ retry_of }: { retry_of: string }) => retry_of)).toEqual([first.id, null])
  })

  test('is refused where there is no such request, or it is another tenant’s', async () => {
    const fixture = await opened()
    const { id: others } = await inserted(fixture.store, { tenant: 'acme' })
    const answers = await Promise.all(
      [others, newId(0), others.toUpperCase()].map((first) => post(fixture, form(first))),
    )
    for (const { status, body } of answers) {
      expect({ status, ...body, instance: null }).toEqual({
        ...{ type: '/problems/validation-failed', status: 400, instance: null },
        title: 'The input is not valid',
        detail: 'One thing is wrong with what was sent; see errors.',
        errors: [
          {
            pointer: form(others).pointer,
            code: 'unknown_request',
            detail: 'There is no request with this id. Give one that is listed, or leave it out.',
            ...(form(others).query === '' && { line: 1 }),
          },
        ],
      })
    }
    expect(await fixture.store.totals()).toMatchObject({ activeRequests: 1 })
    expect((await get(fixture, '/requests')).requests).toEqual([])
  })

  test('is refused for what is no id at all', async () => {
    const fixture = await opened()
    for (const first of ['', 'last', `${newId(0)}0`]) {
      const { status, body } = await post(fixture, form(first))
      expect(status).toBe(400)
      expect(body.errors).toMatchObject([
        {
          code: 'invalid_value',
          detail: 'This must be the id of a request, as its receipt gave it.',
        },
      ])
      expect(body.errors[0].pointer).toBe(form('').pointer)
    }
  })
})

test('what is wrong beside is told as well, and in the address JSON does not say it', async () => {
  const fixture = await opened()
  const bad = stream('last', 'application/x-ndjson', lines(1))
  const answer = await post(fixture, { ...bad, query: `${bad.query}&not_before=soon` })
  expect(answer.body.errors).toMatchObject([
    { pointer: '#/query/not_before' },
    { pointer: '#/query/retry_of' },
  ])
  const misplaced = await post(fixture, { ...json(newId(0), 1), query: `?retry_of=${newId(0)}` })
  expect(misplaced.body.errors).toMatchObject([
    { pointer: '#/query/retry_of', code: 'misplaced_parameter' },
  ])
})

test('the same request with the same key is another one where it is a retry of another', async () => {
  const fixture = await opened()
  const [one, other] = [await inserted(fixture.store), await inserted(fixture.store)]
  const send = async (first: string) => {
    const { query, type, body } = stream(first, 'application/x-ndjson', lines(3))
    const headers = { 'content-type': type, 'idempotency-key': 'again' }
    const sent = { method: 'POST', url: `/ingest${query}`, headers, payload: body } as const
    return (await fixture.server.app.inject(sent)).statusCode
  }
  expect(await send(one.id)).toBe(202)
  expect(await send(one.id)).toBe(202)
  expect(await send(other.id)).toBe(422)
})
