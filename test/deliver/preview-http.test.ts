/** What is shown of a call is what its target sees of it. */
import { describe, expect, test } from 'vitest'
import type { JsonObject } from '../../src/core/units.ts'
import type { Shown } from '../../src/deliver/kind.ts'
import type { HttpConfig } from '../../src/deliver/kinds/http/config.ts'
import { http } from '../../src/deliver/kinds/http.ts'
import { call } from './calls.ts'
import { delivery } from './systems-under-test.ts'
import { connect, goodTarget, type Seen } from './targets.ts'

type Config = Omit<HttpConfig, 'base_url'>

function previewOf(config: HttpConfig) {
  const preview = http('sluice/0.0.0').preview?.({ name: 'shop', config })
  if (preview === undefined) throw new Error('this kind shows its calls')
  return preview
}

function callIn(shown: Shown | undefined): JsonObject {
  if (shown?.kind !== 'call') throw new Error(JSON.stringify(shown))
  return shown.call
}

/** What a client adds to every call, for its connection. */
const OF_THE_CONNECTION = ['host', 'connection', 'content-length']

/** Expects that a call was shown as it was seen, masks aside. */
function expectSame(shown: JsonObject, seen: Seen | undefined, url: string): void {
  if (seen === undefined) throw new Error('no call was made')
  const { method, headers, body } = shown
  expect({ method, url: shown['url'], body: body ?? '' }).toEqual({
    method: seen.method,
    url: url + seen.url,
    body: seen.body,
  })
  const sent = Object.entries(seen.headers).filter(([name]) => !OF_THE_CONNECTION.includes(name))
  const expected = sent.map(([name, value]) => [
    name,
    forMask(headers as JsonObject, name) ?? value,
  ])
  expect(headers).toEqual(Object.fromEntries(expected))
}

/** The mask in the place of a header, where there is one. */
function forMask(headers: JsonObject, name: string): unknown {
  return String(headers[name]).includes('***') ? headers[name] : undefined
}

const WRITES: Readonly<Record<string, Config>> = {
  'as little as there can be': {},
  'a path, a query and headers of its own': {
    headers: { 'X-Common': 'blue' },
    auth: { type: 'bearer', token: 'canary-token' },
    write: {
      method: 'PUT',
      path: '/{source}/contacts/{id}',
      query: { by: '{request_id}', id: '{id}' },
      headers: { 'X-Id': '{id}' },
    },
  },
  'basic auth': { auth: { type: 'basic', username: 'ada', password: 'canary' } },
  'a header as auth': { auth: { type: 'header', name: 'X-Key', value: 'canary' } },
  'a form': { write: { path: '/c', body: 'form' } },
}

describe('what is shown of a write is what its target sees, with', () => {
  test.each(Object.entries(WRITES))('%s', async (_, config) => {
    const { url, seen } = await goodTarget('{}')
    const one = call({ id: 'a/é b' })
    const payload = { name: 'Ada & Co', n: 1 }
    await connect({ base_url: `${url}/api`, ...config }).write(one, payload)
    const [shown] = previewOf({ base_url: `${url}/api`, ...config }).write([{ call: one, payload }])
    expectSame(callIn(shown), seen[0], url)
  })

  test('many in one call', async () => {
    const { url, seen } = await goodTarget('{}')
    const bulk = { method: 'PATCH', path: '/bulk', max: 100, wrap: 'contacts' } as const
    const config = { base_url: url, bulk }
    const deliveries = [delivery('a', { x: 1 }), delivery('b', [2]), delivery('c', null)]
    await connect(config).bulk?.writeMany(deliveries, new AbortController().signal)
    const shown = previewOf(config).write(deliveries)
    expect(new Set(shown).size).toBe(1)
    expectSame(callIn(shown[0]), seen[0], url)
    expect(callIn(shown[0])).toMatchObject({ body: '{"contacts":[{"x":1},[2],null]}' })
  })

  test('a read', async () => {
    const { url, seen } = await goodTarget('{}')
    const read = { path: '/contacts/{id}', query: { of: '{source}' }, headers: { 'X-Id': '{id}' } }
    const config = { base_url: `${url}/`, read }
    await connect(config).read?.(call())
    expectSame(callIn(previewOf(config).read?.(call())), seen[0], url)
  })

  test('a token that is asked for first', async () => {
    const auth = {
      type: 'oauth2_client_credentials',
      token_url: 'https://login.example.com/token',
      client_id: 'canary',
      client_secret: 'canary',
    } as const
    const [shown] = previewOf({ base_url: 'https://a.example.com', auth }).write([
      delivery('a', {}),
    ])
    expect(callIn(shown)).toMatchObject({ headers: { authorization: 'Bearer ***' } })
  })
})

describe('what cannot be sent is shown to fail, as it would', () => {
  test.each<readonly [string, Config, string]>([
    ['unsafe_path', { write: { path: '/{id}' } }, '..'],
    ['invalid_payload', { write: { body: 'form' } }, 'a'],
  ])('%s', async (code, config, id) => {
    const { url, seen } = await goodTarget('{}')
    const one = { call: call({ id }), payload: { deep: {} } }
    const ending = await connect({ base_url: url, ...config }).write(one.call, one.payload)
    const [shown] = previewOf({ base_url: url, ...config }).write([one])
    expect(shown).toEqual(ending)
    expect(shown).toMatchObject({ kind: 'impossible', code })
    expect(seen).toEqual([])
  })
})
