/** That pages of other sites are kept away, and nobody else is. */
import { describe, expect, test } from 'vitest'
import { newRequest } from '../support/requests.ts'
import { open } from './connection.ts'
import { type Changes, mapping, openServer } from './server.ts'

type Headers = Readonly<Record<string, string>>

const HERE = 'localhost:8000'
const BODY = JSON.stringify({ mappings: [mapping()] })

/** Hands in a request as somebody would who sends these headers. */
async function ingest(headers: Headers, changes: Changes = {}) {
  const { server, store } = await openServer(changes)
  const answer = await server.app.inject({
    method: 'POST',
    url: '/ingest',
    headers: { 'content-type': 'application/json', host: HERE, ...headers },
    payload: BODY,
  })
  const { activeRequests } = await store.totals()
  return { status: answer.statusCode, type: answer.json().type, taken: activeRequests }
}

const TAKEN = { status: 202, type: undefined, taken: 1 }
const CROSS_SITE = { status: 403, type: '/problems/cross-site-request', taken: 0 }
const UNKNOWN_HOST = { status: 403, type: '/problems/unknown-host', taken: 0 }

describe('a change is taken', () => {
  test.each<[string, Headers]>([
    ['a program, which says nothing of where it comes from', {}],
    ['a page of our own', { 'sec-fetch-site': 'same-origin', origin: `http://${HERE}` }],
    ['somebody who typed the address', { 'sec-fetch-site': 'none' }],
    ['a page of our own in an older browser', { origin: `http://${HERE}` }],
    ['one that spells the name otherwise', { origin: 'http://LocalHost:8000' }],
    ['a page of our own behind a proxy that ends TLS', { origin: `https://${HERE}` }],
    [
      'a page of our own behind a proxy that calls us by another name',
      { 'sec-fetch-site': 'same-origin', origin: 'https://sluice.example.com' },
    ],
  ])('from %s', async (_, headers) => {
    expect(await ingest(headers)).toEqual(TAKEN)
  })
})

describe('a change is refused, and nothing of it is kept,', () => {
  test.each<[string, Headers]>([
    ['of another site', { 'sec-fetch-site': 'cross-site' }],
    ['of another port of this machine', { 'sec-fetch-site': 'same-site' }],
    [
      'of another site that says it is ours',
      { 'sec-fetch-site': 'cross-site', origin: `http://${HERE}` },
    ],
    ['of another site in an older browser', { origin: 'https://evil.example' }],
    ['of another port in an older browser', { origin: 'http://localhost:9000' }],
    ['of a file, or in a sandbox', { origin: 'null' }],
    ['whose origin only begins like ours', { origin: `http://${HERE}.evil.example` }],
  ])('from a page %s', async (_, headers) => {
    expect(await ingest(headers)).toEqual(CROSS_SITE)
  })
})

describe('every change that there is', () => {
  test.each([
    ['POST', '/ingest'],
    ['POST', '/ingest?validate_only=true'],
    ['POST', '/requests/01985a3c-6c1e-7d3a-9a55-0d6f1f0e8a11/cancel'],
    ['POST', '/requests/01985a3c-6c1e-7d3a-9a55-0d6f1f0e8a11/retry'],
    ['PATCH', '/systems/crm'],
    ['POST', '/systems/crm/resume'],
    ['DELETE', '/nowhere'],
  ] as const)('is refused to a page of another site: %s %s', async (method, url) => {
    const { server } = await openServer()
    const headers = { 'sec-fetch-site': 'cross-site' }
    const answer = await server.app.inject({ method, url, headers })
    expect(answer.json()).toMatchObject({ status: 403, type: '/problems/cross-site-request' })
    expect(answer.json().detail).toContain('a page of another site')
  })

  test('can be looked at from a link of another site', async () => {
    const { server } = await openServer()
    const headers = { 'sec-fetch-site': 'cross-site' }
    for (const url of ['/requests', '/docs/', '/health', '/openapi.json']) {
      expect((await server.app.inject({ url, headers })).statusCode).toBe(200)
    }
  })
})

describe('where only this machine can call', () => {
  test.each([
    ...['localhost', 'localhost:8000', 'LOCALHOST:8000', 'sluice.localhost:8000'],
    ...['127.0.0.1:8000', '127.1.2.3', '[::1]', '[::1]:8000'],
  ])('it goes by the name %s', async (host) => {
    expect(await ingest({ host })).toEqual(TAKEN)
  })

  test.each([
    ...['evil.example', 'evil.example:8000', 'localhost.evil.example', '127.0.0.1.evil.example'],
    ...[
      'evillocalhost',
      'evil.example#localhost',
      '0.0.0.0:8000',
      '10.0.0.7',
      '[::]',
      '127.0.0.1:8000:1',
    ],
  ])('it does not go by the name %s, whoever has it lead here', async (host) => {
    const origin = `http://${host}`
    expect(await ingest({ host, origin, 'sec-fetch-site': 'same-origin' })).toEqual(UNKNOWN_HOST)
    const { server, store } = await openServer()
    await store.insert(newRequest())
    const read = await server.app.inject({ url: '/requests', headers: { host } })
    expect(read.statusCode).toBe(403)
    expect(read.json().detail).toContain('SLUICE_ALLOWED_HOSTS')
    expect(read.body).not.toContain(host)
  })

  test('a proxy may pass on a name that the operator knows, and no other', async () => {
    const names = ['sluice.example.com']
    expect(await ingest({ host: 'sluice.example.com' }, { names })).toEqual(TAKEN)
    expect(await ingest({ host: 'Sluice.Example.com:443' }, { names })).toEqual(TAKEN)
    expect(await ingest({ host: HERE }, { names })).toEqual(TAKEN)
    expect(await ingest({ host: 'x.sluice.example.com' }, { names })).toEqual(UNKNOWN_HOST)
  })

  test('who sends no Host, as HTTP/1.0 need not, is no browser', async () => {
    const { server } = await openServer()
    const { closed } = await open(await server.listen(), 'GET /livez HTTP/1.0\r\n\r\n')
    expect(await closed).toMatch(/^HTTP\/1\.1 200 /)
  })
})

test('where others can call, it goes by any name', async () => {
  expect(await ingest({ host: 'sluice.internal' }, { names: null })).toEqual(TAKEN)
  const elsewhere = { host: 'sluice.internal', origin: 'http://evil.example' }
  expect(await ingest(elsewhere, { names: null })).toEqual(CROSS_SITE)
})
