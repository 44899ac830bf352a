// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the references of the file itself
import { describe, expect, test } from 'vitest'
import { readSystems } from '../../src/config/systems.ts'
import { http } from '../../src/deliver/kinds/http.ts'
import { simulated } from '../../src/deliver/kinds/simulated.ts'

const KINDS = [http('sluice/test'), simulated({ latency: 0, successRate: 1 })]

const ENV = { CRM_TOKEN: 'canary-token', EMPTY: '' }

function readFile(path: string): string {
  if (path === '/run/secrets/crm') return 'canary-from-file\n'
  throw new Error('no such file')
}

function read(text: string) {
  const source = { text, fileName: 'systems.yaml', kinds: KINDS, concurrency: 20 }
  return readSystems({ ...source, env: ENV, readFile })
}

/** Each as `line: message`. */
function problems(text: string): readonly string[] {
  const result = read(text)
  return result.ok ? [] : result.problems.map(({ line, message }) => `${line}: ${message}`)
}

/** A file with one HTTP system that says `more`, from line 5 on. */
function crm(more: string): string {
  const entry = more.split('\n').map((line) => `    ${line}\n`)
  return `systems:\n  crm:\n    kind: http\n    base_url: https://crm.example.com/api\n${entry.join('')}`
}

describe('a good systems file', () => {
  test('gives every system, with what it says and the defaults for the rest', () => {
    const result = read(`
systems:
  crm:
    kind: http
    base_url: https://crm.example.com/api
    auth: {type: bearer, token: \${CRM_TOKEN}}      # a reference in a flow map
    read:  {method: GET, path: "/contacts/{id}"}
    write: {method: PUT, path: "/contacts/{id}"}
    timeout: 10s
    concurrency: 5
    rate: 100/s
    retry: {attempts: 3, first: 1s, cap: 1m}
    retry_on: [404, 500-503]
    hold_on: [402]
  sandbox: {kind: simulated, success_rate: 0.5, latency: 50ms}
`)
    expect(result).toEqual({
      ok: true,
      systems: [
        {
          name: 'crm',
          kind: 'http',
          limits: { concurrency: 5, rate: [{ count: 100, per: 1000 }] },
          timeout: 10_000,
          retry: { attempts: 3, first: 1000, cap: 60_000 },
          answers: {
            failOn: [],
            holdOn: [[402, 402]],
            retryOn: [
              [404, 404],
              [500, 503],
            ],
          },
          config: {
            base_url: 'https://crm.example.com/api',
            auth: { type: 'bearer', token: 'canary-token' },
            read: { method: 'GET', path: '/contacts/{id}' },
            write: { method: 'PUT', path: '/contacts/{id}' },
          },
          shown: {
            base_url: 'https://crm.example.com/api',
            auth: { type: 'bearer', token: '***' },
            read: { method: 'GET', path: '/contacts/{id}' },
            write: { method: 'PUT', path: '/contacts/{id}' },
          },
        },
        {
          name: 'sandbox',
          kind: 'simulated',
          limits: { concurrency: 20, rate: null },
          timeout: 30_000,
          retry: { attempts: 5, first: 500, cap: 300_000 },
          answers: { failOn: [], holdOn: [], retryOn: [] },
          config: { success_rate: 0.5, latency: '50ms' },
          shown: { success_rate: 0.5, latency: '50ms' },
        },
      ],
    })
  })

  test('may take a secret from a file, or a part of a value from the environment', () => {
    const result = read(
      crm(
        'headers: {x-key: "k ${CRM_TOKEN}"}\nauth: {type: bearer, token: ${file:/run/secrets/crm}}',
      ),
    )
    expect(result).toMatchObject({
      systems: [
        {
          config: {
            headers: { 'x-key': 'k canary-token' },
            auth: { token: 'canary-from-file' },
          },
        },
      ],
    })
  })

  test.each(['.', '..', '  ', 'c\\u0007rm', 'x'.repeat(129)])(
    'does not take the name "%s"',
    (name) => {
      expect(problems(`systems:\n  "${name}": {kind: simulated}`)).toEqual([
        expect.stringMatching(/^2: .* must have a name of 1 to 128 printable characters/),
      ])
    },
  )

  test.each(['...', '.x', ' x ', '/', 'callbacks', 'my-callback:crm'])(
    'takes the name "%s"',
    (name) => {
      expect(problems(`systems:\n  "${name}": {kind: simulated}`)).toEqual([])
    },
  )

  test('does not take a burst without a rate that it would be a part of', () => {
    expect(problems(crm('burst: 10'))).toEqual([
      '5: systems.crm.burst is a part of a rate: say rate as well, or leave it out',
    ])
    expect(problems(crm('burst: 10\nrate: 5/s'))).toEqual([])
  })

  test('does not take a name that is for callbacks', () => {
    expect(problems('systems:\n  callback:crm: {kind: simulated}')).toEqual([
      '2: systems.callback:crm must not begin with callback:, which is for callbacks',
    ])
  })

  test('can be shown: no byte of what a reference brings is in it', () => {
    const result = read(
      crm(`headers: &common {x-key: "k \${CRM_TOKEN} \${file:/run/secrets/crm}", x-plain: blue}
auth: {type: header, name: x-a, value: '\${CRM_TOKEN}'}
read:
  path: "/c/\${CRM_TOKEN}"
  query: {key: "\${CRM_TOKEN}", plain: "1"}
  headers: *common
write:
  path: >-
    /folded/\${CRM_TOKEN}
concurrency: 5`),
    )
    expect(result).toMatchObject({
      systems: [
        {
          config: { read: { path: '/c/canary-token' }, write: { path: '/folded/canary-token' } },
          shown: {
            base_url: 'https://crm.example.com/api',
            headers: { 'x-key': 'k *** ***', 'x-plain': 'blue' },
            auth: { type: 'header', name: 'x-a', value: '***' },
            read: {
              path: '/c/***',
              query: { key: '***', plain: '1' },
              headers: { 'x-key': 'k *** ***', 'x-plain': 'blue' },
            },
            write: { path: '/folded/***' },
          },
        },
      ],
    })
    const [system] = result.ok ? result.systems : []
    expect(Object.keys(system?.shown ?? {})).toEqual(Object.keys(system?.config ?? {}))
    expect(JSON.stringify(system?.shown)).not.toContain('canary')
  })

  test('does not reinterpret what a reference brings', () => {
    const result = read(crm('auth: {type: bearer, token: "${CRM_TOKEN}"}'))
    expect(result).toMatchObject({ ok: true })
    expect(problems(crm('concurrency: ${CRM_TOKEN}'))).toEqual([
      '5: systems.crm.concurrency must be a whole number from 1 to 10000, or adaptive, or {min, max} with such numbers',
    ])
  })
})

describe('a bad systems file', () => {
  test('has all its problems told at once, each with its line', () => {
    expect(
      problems(`systems:
  crm:
    kind: htpt
  shop:
    kind: http
    base_ulr: https://shop.example.com
    timeout: soon
    concurrency: 0
    retry: {attempts: 0, frist: 1s}
    auth: {type: berer, token: x}
  sandbox:
    kind: simulated
    success_rate: 2
    latency: 1h
`),
    ).toEqual([
      '3: systems.crm.kind must be one of http, simulated (did you mean "http"?)',
      '5: systems.shop needs "base_url"',
      '6: systems.shop.base_ulr is not known (did you mean "base_url"?)',
      expect.stringMatching(/^7: systems.shop.timeout must be from 1ms to 10m/),
      '8: systems.shop.concurrency must be a whole number from 1 to 10000, or adaptive, or {min, max} with such numbers',
      '9: systems.shop.retry.frist is not known (did you mean "first"?)',
      '9: systems.shop.retry.attempts must be >= 1',
      '10: systems.shop.auth.type must be one of bearer, basic, header, oauth2_client_credentials',
      '13: systems.sandbox.success_rate must be <= 1',
      '14: systems.sandbox.latency must be a duration of at most 10m, such as 50ms',
    ])
  })

  test.each([
    ['', '1: must be a map of names and values'],
    ['[]', '1: must be a map of names and values'],
    ['system: {}', '1: needs "systems"'],
    ['systems: {}', '1: systems must not have fewer than 1 properties'],
    ['systems: {crm: 1}', '1: systems.crm must be a map of names and values'],
    ['systems: {crm: {}}', '1: systems.crm.kind must be one of http, simulated'],
    [
      'systems:\n  a: {kind: simulated}\n  a: {kind: simulated}',
      '3: is not valid YAML: duplicate key',
    ],
    ['systems: {a: {kind: simulated}', 'is not valid YAML'],
    ['systems: *x', '1: has an alias that is unknown'],
    ['systems: {"": {kind: simulated}}', 'name of 1 to 128'],
    ['systems: {"a\\u0007b": {kind: simulated}}', 'name of 1 to 128'],
    [`systems: {${'a'.repeat(129)}: {kind: simulated}}`, 'name of 1 to 128'],
    ['systems: {"${CRM_TOKEN}": {kind: simulated}}', '1: a name cannot hold a reference'],
    ['systems: &a [*a]', '1: systems must be'],
  ])('%j is refused', (text, problem) => {
    expect(problems(text).join('\n')).toContain(problem)
  })

  test('names a missing variable or file, each with its line', () => {
    expect(
      problems(crm('headers:\n  a: ${NOT_SET}\n  b: ${EMPTY}\n  c: ${file:/nowhere}\n  d: ${}')),
    ).toEqual([
      '6: the environment variable NOT_SET is not set',
      '7: the environment variable EMPTY is not set',
      '8: the file /nowhere cannot be read',
      '9: a reference names a variable, or a file as in file:/path',
    ])
  })

  test('tells what else is wrong beside a missing variable, and not what follows from it', () => {
    const auth = 'auth:\n  type: bearer\n  token: ${NOT_SET}'
    expect(problems(crm(`colour: a\nrate: \${NOT_SET}\n${auth}\nconcurrency: 0`))).toEqual([
      '5: systems.crm.colour is not known',
      '6: the environment variable NOT_SET is not set',
      '9: the environment variable NOT_SET is not set',
      expect.stringMatching(/^10: systems.crm.concurrency must be a whole number/),
    ])
  })

  test('does not grow without bound through aliases', () => {
    const levels = Array.from({ length: 12 }, (_, n) => {
      const inner = n === 0 ? 'x' : Array.from({ length: 9 }, () => `*a${n - 1}`).join(', ')
      return `a${n}: &a${n} [${inner}]`
    })
    expect(problems(levels.join('\n')).join()).toContain('alias')
  })

  test.each([
    'base_url: canary',
    'timeout: canary',
    'rate: canary',
    'kind: canary',
    'auth: {type: canary}',
    'auth: {type: bearer, token: "canary canary"}',
    'headers: {x: "canary\\r\\nEvil: 1"}',
    'write: {method: canary}',
    'write: {path: canary}',
    'max_response: canary',
    'token: "canary" x',
    'concurrency: ${CRM_TOKEN}',
  ])('never has a value repeated: %s', (line) => {
    const told = problems(crm(line).replace(/ {4}base_url: https.*\n/, ''))
    expect(told).not.toEqual([])
    expect(told.join()).not.toContain('canary')
  })
})

test('a number where a quantity belongs is told how to write it', () => {
  expect(problems(crm('timeout: 10\nrate: 100\nmax_response: [5MB]'))).toEqual([
    expect.stringMatching(/^5: systems.crm.timeout must be from 1ms to 10m, such as 500ms/),
    '6: systems.crm.rate must be a rate such as 100/s or 5000/h, or a list of them',
    '7: systems.crm.max_response must be a size of at most 64MB, such as 1MB',
  ])
})

describe('an http system', () => {
  test.each([
    'ftp://example.com',
    'https://user:pw@example.com',
    'https://example.com?a=b',
    'https://example.com#a',
    'https://exa mple.com',
    'http://ok.example\\@10.0.0.1',
    'http://example.com:99999',
    'example.com',
  ])('cannot have the base_url %s', (url) => {
    const text = crm('').replace('https://crm.example.com/api', JSON.stringify(url))
    expect(problems(text).join()).toContain('systems.crm.base_url must be an http')
  })

  test.each([
    'Host',
    'content-length',
    'Transfer-Encoding',
    'connection',
    'cookie',
    'upgrade',
    'idempotency-key',
    'x y',
    '',
  ])('cannot set the header "%s"', (name) => {
    expect(problems(crm(`headers: {"${name}": x}`))).toHaveLength(1)
    expect(problems(crm(`auth: {type: header, name: "${name}", value: x}`))).toHaveLength(1)
  })

  test.each(['contacts', '/a b', '/a/../b', '/.', '/{name}', '/{id', '/a#b', '/a\\\\b', '/ü'])(
    'cannot have the path %s',
    (path) => {
      expect(problems(crm(`write: {path: "${path}"}`)).join()).toContain('systems.crm.write.path')
    },
  )

  test('cannot take answers over 64MB', () => {
    expect(problems(crm('max_response: 65MB'))).toHaveLength(1)
    expect(problems(crm('max_response: 64MB'))).toEqual([])
  })
})
