import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { readSystems } from '../../src/config/systems.ts'
import { config } from '../../src/deliver/kinds/http/config.ts'
import { http } from '../../src/deliver/kinds/http.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'

const PEM: Readonly<Record<string, string>> = {
  '/etc/sluice/ca.pem': 'ca.crt',
  '/etc/sluice/me.pem': 'client.crt',
  '/etc/sluice/me.key': 'client.key',
}

function read(text: string) {
  return readSystems({
    text,
    fileName: 'systems.yaml',
    kinds: [http('sluice')],
    concurrency: 1,
    env: { CRM_TOKEN: 'canary-token' },
    readFile(path) {
      const name = PEM[path]
      return name === undefined
        ? 'canary'
        : readFileSync(new URL(`tls/${name}`, import.meta.url), 'utf8')
    },
  })
}

describe('docs/http.md', () => {
  const text = readFileSync(new URL('../../docs/http.md', import.meta.url), 'utf8')
  const files = [...text.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, file = '']) => file)

  test.each(files)('shows a systems file that is read and can be connected: %#', (file) => {
    const result = read(file)
    expect(result).toMatchObject({ ok: true })
    for (const { name, config } of result.ok ? result.systems : []) {
      const ports = { secrets: [], clock: systemClock, random: systemRandom }
      const system = { name, config: config as never, timeout: 1, concurrency: 1, ...ports }
      expect(http('sluice').connect(system).write).toBeTypeOf('function')
    }
  })

  test('names everything that the systems file may say', () => {
    const shown = files.join('\n')
    const missing = namesIn(config).filter((name) => !new RegExp(`\\b${name}:`).test(shown))
    expect(missing).toEqual([])
  })
})

/** The names of all properties of a schema, at any depth. */
function namesIn(schema: unknown): readonly string[] {
  if (typeof schema !== 'object' || schema === null) return []
  const properties = 'properties' in schema ? Object.entries(schema.properties ?? {}) : []
  const variants = 'anyOf' in schema && Array.isArray(schema.anyOf) ? schema.anyOf : []
  return [
    ...properties.flatMap(([name, property]) => [name, ...namesIn(property)]),
    ...variants.flatMap(namesIn),
  ]
}

/** What is wrong with a system that says this. */
function problems(yaml: string): readonly string[] {
  const result = read(
    `systems:\n  crm:\n    kind: http\n    base_url: https://x.test\n    ${yaml}\n`,
  )
  return result.ok ? [] : result.problems.map(({ message }) => message)
}

describe('what cannot be is told at start', () => {
  const TEMPLATE = 'can have {id}, {source}, {target} and {request_id} in braces, nothing else'
  const TLS = 'must hold PEM texts: ca, or a cert with the key that belongs to it, or all three'
  const ANSWERS = 'needs status or ok, and id where (and only where) the list is read by id'

  test.each([
    ['read: {path: "/{ids}"}', `systems.crm.read.path ${TEMPLATE}`],
    ['read: {path: /, query: {a: "b}"}}', `systems.crm.read.query ${TEMPLATE}`],
    ['read: {path: /, query: {a: "{b}"}}', `systems.crm.read.query ${TEMPLATE}`],
    ['write: {headers: {X-A: "{b}"}}', `systems.crm.write.headers ${TEMPLATE}`],
    [
      'write: {headers: {X-A: "a\\r\\nb: c"}}',
      'systems.crm.write.headers.X-A must be printable ASCII on one line',
    ],
    [
      'read: {path: /, record: data}',
      'systems.crm.read.record must be a JSON pointer such as /data/id',
    ],
    [
      'read: {path: /, record: /a~2}',
      'systems.crm.read.record must be a JSON pointer such as /data/id',
    ],
    [
      'write: {result: some}',
      'systems.crm.write.result must be a JSON pointer such as /data/id, or none',
    ],
    ['write: {body: xml}', 'systems.crm.write.body must be one of json, form, text'],
    ['ok: [2xx]', 'systems.crm.ok must be a list of HTTP statuses, such as [200-299, 409]'],
    ['ok: 200', 'systems.crm.ok must be a list of HTTP statuses, such as [200-299, 409]'],
    [
      'hold_on: [700]',
      'systems.crm.hold_on must be a list of HTTP statuses, such as [404, 500-599]',
    ],
    [
      'allow_private: [10.0.0.1]',
      'systems.crm.allow_private must be a list of address ranges, such as [10.0.0.0/8, fd00::/8]',
    ],
    [`tls: {ca: "\${file:/x}"}`, `systems.crm.tls ${TLS}`],
    [`tls: {cert: "\${file:/etc/sluice/me.pem}"}`, `systems.crm.tls ${TLS}`],
    [
      `tls: {cert: "\${file:/etc/sluice/ca.pem}", key: "\${file:/etc/sluice/me.key}"}`,
      `systems.crm.tls ${TLS}`,
    ],
    ['tls: {verify: false}', 'systems.crm.tls.verify is not known'],
    [
      'auth: {type: basic, username: "a:b", password: x}',
      'systems.crm.auth.username must be without a colon or control characters',
    ],
    [
      'bulk: {path: "/{id}", max: 5}',
      'systems.crm.bulk.path cannot hold braces: the call is for many mappings',
    ],
    [
      'auth: {type: oauth2_client_credentials, token_url: "https://x.test:0/", client_id: a, client_secret: b}',
      'systems.crm.auth.token_url must be an http:// or https:// URL without credentials, a query or a fragment',
    ],
    ['bulk: {path: /, max: 0}', 'systems.crm.bulk.max must be >= 1'],
    ['bulk: {path: /, max: 5, answers: {by: index}}', `systems.crm.bulk.answers ${ANSWERS}`],
    ['bulk: {path: /, max: 5, answers: {by: id, ok: /ok}}', `systems.crm.bulk.answers ${ANSWERS}`],
    [
      'bulk: {path: /, max: 5, answers: {by: index, id: /id, ok: /ok}}',
      `systems.crm.bulk.answers ${ANSWERS}`,
    ],
  ])('%s', (yaml, message) => {
    expect(problems(yaml)).toEqual([message])
  })
})
