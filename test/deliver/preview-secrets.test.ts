// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the references of the file itself
/** Nothing of a secret is ever shown, wherever the systems file has it and however it is written. */
import { describe, expect, test } from 'vitest'
import { expectNothingOf, shown, shownWrite } from './previews.ts'

const SECRET = 'QZXJ7VKW/93+YHBUP~GTFD'
const PLAIN = SECRET.replaceAll(/[^A-Z0-9]/g, '')

/** Entries of a system `shop` that say a secret outright; each is good. */
const OUTRIGHT: Readonly<Record<string, string>> = {
  'a bearer token': `{kind: http, base_url: "https://a.example", auth: {type: bearer, token: "${SECRET}"}}`,
  'a basic password': `{kind: http, base_url: "https://a.example", auth: {type: basic, username: ada, password: "${SECRET}"}}`,
  'a basic name': `{kind: http, base_url: "https://a.example", auth: {type: basic, username: "${SECRET}", password: x}}`,
  'an auth header': `{kind: http, base_url: "https://a.example", auth: {type: header, name: X-Key, value: "k ${SECRET}"}}`,
  'an OAuth client':
    `{kind: http, base_url: "https://a.example", auth: {type: oauth2_client_credentials, token_url: "https://b.example/t", ` +
    `client_id: "${PLAIN}", client_secret: "${SECRET}", scope: "${PLAIN}", audience: "${PLAIN}"}}`,
  'a header of every call': `{kind: http, base_url: "https://a.example", headers: {X-Key: "${SECRET}"}}`,
  'a header of every call, in braces': `{kind: http, base_url: "https://a.example", headers: {X-Key: "${SECRET} {id}"}}`,
  'a header of writes': `{kind: http, base_url: "https://a.example", write: {headers: {X-Key: "${SECRET}"}}}`,
  'a header of writes, beside the id': `{kind: http, base_url: "https://a.example", write: {headers: {X-Key: "${SECRET}{id}${SECRET}"}}}`,
  'a header of bulk calls': `{kind: http, base_url: "https://a.example", bulk: {path: /b, max: 9, headers: {X-Key: "${SECRET}"}}}`,
  'a query': `{kind: http, base_url: "https://a.example", write: {path: /c, query: {key: "${SECRET}"}}}`,
  'a query, beside the id': `{kind: http, base_url: "https://a.example", write: {path: /c, query: {key: "${SECRET}{id}"}}}`,
  'the query of a path': `{kind: http, base_url: "https://a.example", write: {path: "/c?a=1&key=${PLAIN}&b"}}`,
  'the query of a path of bulk calls': `{kind: http, base_url: "https://a.example", bulk: {path: "/b?key=${PLAIN}", max: 9}}`,
  'a query without a name': `{kind: http, base_url: "https://a.example", write: {path: "/c?${PLAIN}"}}`,
  'a query with two marks': `{kind: http, base_url: "https://a.example", write: {path: "/c?a=b?${PLAIN}=x${PLAIN}"}}`,
  'the URL of a postgres': `{kind: postgres, url: "postgres://${PLAIN}:${PLAIN}@db.example/d", write: {table: t, key: id, columns: [a]}}`,
  'the password of a postgres': `{kind: postgres, url: "postgres://u@db.example/d", password: "${SECRET}", write: {table: t, key: id, columns: [a]}}`,
  'the URL of a redis': `{kind: redis, url: "redis://${PLAIN}:${PLAIN}@r.example", stream: s}`,
  'the password of a redis': `{kind: redis, url: "redis://r.example", username: u, password: "${SECRET}", stream: s}`,
  'the URL of an amqp': `{kind: amqp, url: "amqp://${PLAIN}:${PLAIN}@q.example/v", routing_key: k}`,
  'the password of an amqp': `{kind: amqp, url: "amqp://q.example/v", username: u, password: "${SECRET}", routing_key: k}`,
  'the URL of a mongodb': `{kind: mongodb, url: "mongodb://${PLAIN}:${PLAIN}@m.example/?authSource=${PLAIN}", database: d, collection: c}`,
}

describe('a secret that the systems file says outright, in', () => {
  test.each(Object.entries(OUTRIGHT))('%s', async (_, entry) => {
    const preview = await shownWrite(entry, { a: 1 })
    expect(preview?.write?.call).toBeTypeOf('object')
    expectNothingOf(SECRET, preview)
    expectNothingOf(PLAIN, preview)
  })

  test('what reads', async () => {
    const [preview] = await shown(
      `systems:
  crm:
    kind: http
    base_url: https://a.example
    headers: {X-A: "${SECRET}"}
    auth: {type: bearer, token: "${SECRET}"}
    read: {path: "/{id}?k=${PLAIN}", query: {key: "${SECRET}"}, headers: {X-B: "${SECRET}"}}
  shop: {kind: simulated}`,
      [{ id: 'map_001', source: 'crm', target: 'shop' }],
    )
    expect(preview?.read).toEqual({
      method: 'GET',
      url: 'https://a.example/map_001?k=***&key=***',
      headers: expect.objectContaining({
        'x-a': '***',
        'x-b': '***',
        authorization: 'Bearer ***',
      }),
      body: null,
    })
    expectNothingOf(SECRET, preview)
    expectNothingOf(PLAIN, preview)
  })
})

/** `@` stands for a reference; whatever it brings is masked, wherever it is. */
const BY_REFERENCE: Readonly<Record<string, string>> = {
  'all of an address': '{kind: http, base_url: "@", write: {path: "/c/{id}"}}',
  'the host of an address': '{kind: http, base_url: "https://@/api"}',
  'a step of an address': '{kind: http, base_url: "https://a.example/hooks/@"}',
  'a path': '{kind: http, base_url: "https://a.example", write: {path: "/hooks/@/{id}"}}',
  'a query':
    '{kind: http, base_url: "https://a.example", write: {path: /c, query: {key: "@", id: "{id}"}}}',
  'a header': '{kind: http, base_url: "https://a.example", write: {headers: {X-Key: "k @ {id}"}}}',
  'the name of a header':
    '{kind: http, base_url: "https://a.example", auth: {type: header, name: "@", value: "@"}}',
  'the wrap of a bulk call':
    '{kind: http, base_url: "https://a.example", bulk: {path: /b, max: 9, wrap: "@"}}',
  'a table':
    '{kind: postgres, url: "postgres://db.example/d", write: {table: "@", key: "@", columns: ["@"]}}',
  'a stream': '{kind: redis, url: "redis://r.example", stream: "@"}',
  'a routing key': '{kind: amqp, url: "amqp://q.example/v", exchange: "@", routing_key: "@.{id}"}',
  'a collection':
    '{kind: mongodb, url: "mongodb://m.example", database: "@", collection: "@", key: "@"}',
  'a directory': '{kind: file, directory: "/@", write: {format: ndjson, path: "@"}}',
}

describe('a secret that comes by reference, in', () => {
  const secret = 'qzxj7vkw93yhbuptgfd'

  test.each(Object.entries(BY_REFERENCE))('%s', async (name, entry) => {
    for (const reference of ['${SECRET}', '${file:/secret}']) {
      const value = name === 'all of an address' ? `https://${secret}.example/x` : secret
      const surroundings = { env: { SECRET: value }, files: { '/secret': `${value}\n` } }
      const preview = await shownWrite(entry.replaceAll('@', reference), { a: 1 }, surroundings)
      expect(preview?.write?.call).toBeTypeOf('object')
      expectNothingOf(secret, preview)
    }
  })
})
