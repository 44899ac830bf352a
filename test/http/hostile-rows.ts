/** The catalogue of hostile inputs, and of those that only look so. */
import type { Input } from './send.ts'
import { mapping } from './server.ts'

/** An input, and what the server must say to it. */
export interface Row extends Input {
  readonly status: number
  readonly slug: string
  readonly code?: string
  readonly pointer?: string
  readonly line?: number
}

const ONE = JSON.stringify({ mappings: [mapping()] })

/** What is not there. */
const UNKNOWN = '/status/01985a3c-6c1e-7d3a-9a55-0d6f1f0e8a11'

function one(changes: string): string {
  return ONE.replace('"map_001"', `"map_001",${changes}`)
}

function withId(id: string): string {
  return JSON.stringify({ mappings: [mapping({ id })] })
}

function withOption(option: string): string {
  return ONE.replace('{', `{${option},`)
}

const invalid = { status: 400, slug: 'validation-failed' } as const
const malformed = { status: 400, slug: 'malformed-json', code: 'malformed_json' } as const
const unsupported = { status: 415, slug: 'unsupported-media-type' } as const

/** The catalogue, for a server that takes bodies of 100 KB and 100 mappings. */
export const ROWS: readonly Row[] = [
  { name: 'an empty body', body: '', ...malformed },
  { name: 'a truncated body', body: '{"mappings":[', ...malformed },
  { name: 'something after the end', body: `${ONE}x`, ...malformed },
  { name: 'NaN', body: '{"mappings":NaN}', ...malformed },
  { name: 'single quotes', body: "{'mappings':[]}", ...malformed },
  { name: 'a comment', body: `/* */${ONE}`, ...malformed },
  ...['null', '[]', '"x"', '1'].map((body) => ({
    name: `${body} as a body`,
    body,
    ...invalid,
    code: 'invalid_type',
    pointer: '#',
  })),
  {
    name: '__proto__, deep down',
    body: one('"data":{"a":[{"__proto__":1}]}'),
    ...invalid,
    code: 'forbidden_key',
    pointer: '#/mappings/0/data/a/0/__proto__',
  },
  {
    name: '__proto__, escaped',
    body: one('"data":{"\\u005f_proto__":1}'),
    ...invalid,
    code: 'forbidden_key',
  },
  {
    name: 'constructor.prototype',
    body: one('"data":{"constructor":{"prototype":{}}}'),
    ...invalid,
    code: 'forbidden_key',
  },
  {
    name: 'a duplicate key',
    body: one('"id":"b"'),
    ...invalid,
    code: 'duplicate_key',
    pointer: '#/mappings/0/id',
  },
  {
    name: 'bytes that are not UTF-8',
    body: Buffer.concat([Buffer.from('"'), Buffer.from([0xff, 0xfe]), Buffer.from('"')]),
    status: 400,
    slug: 'invalid-utf8',
  },
  {
    name: 'a lone surrogate',
    body: withId('x').replace('"x"', '"\\ud800"'),
    ...invalid,
    code: 'invalid_string',
    pointer: '#/mappings/0/id',
  },
  {
    name: 'a NUL',
    body: withId('x').replace('"x"', '"a\\u0000b"'),
    ...invalid,
    code: 'invalid_string',
    pointer: '#/mappings/0/id',
  },
  {
    name: 'UTF-16 by label',
    headers: { 'content-type': 'application/json; charset=utf-16' },
    body: ONE,
    ...unsupported,
  },
  {
    name: 'UTF-16 by bytes',
    body: Buffer.from(`\uFEFF${ONE}`, 'utf16le'),
    status: 400,
    slug: 'invalid-utf8',
  },
  ...['9007199254740993', '1e400'].map((number) => ({
    name: `${number}, which a double cannot hold`,
    body: withOption(`"batch_size":${number}`),
    ...invalid,
    code: 'unsafe_number',
    pointer: '#/batch_size',
  })),
  {
    name: 'a fraction for a whole number',
    body: withOption('"batch_size":1.5'),
    ...invalid,
    code: 'invalid_type',
    pointer: '#/batch_size',
  },
  {
    name: 'a negative number',
    body: withOption('"batch_size":-1'),
    ...invalid,
    code: 'invalid_value',
    pointer: '#/batch_size',
  },
  {
    name: 'a number as a priority',
    body: withOption('"priority":1'),
    ...invalid,
    code: 'invalid_type',
    pointer: '#/priority',
  },
  {
    name: 'a priority in lower case',
    body: withOption('"priority":"high"'),
    ...invalid,
    code: 'invalid_value',
    pointer: '#/priority',
  },
  {
    name: 'a number as an id',
    body: ONE.replace('"map_001"', '1'),
    ...invalid,
    code: 'invalid_type',
    pointer: '#/mappings/0/id',
  },
  ...['5', 'null', '[]', '""', `"https://ops.example.com/${'x'.repeat(2048)}"`].map((url) => ({
    name: `a callback URL ${url.slice(0, 10)} that is none`,
    body: withOption(`"callback_url":${url}`),
    ...invalid,
    pointer: '#/callback_url',
  })),
  ...[
    'ftp://ops.example.com/',
    'http://127.0.0.1/',
    'http://[::1]/',
    'http://169.254.169.254/',
  ].map((url) => ({
    name: `the callback URL ${url}`,
    body: withOption(`"callback_url":"${url}"`),
    status: 400,
    slug: 'forbidden-url',
    code: 'forbidden_url',
    pointer: '#/callback_url',
  })),
  {
    name: 'a target that is for callbacks',
    body: JSON.stringify({ mappings: [mapping({ target: 'callback:https://ops.example.com' })] }),
    ...invalid,
    code: 'reserved_name',
    pointer: '#/mappings/0/target',
  },
  ...['color'].map((name) => ({
    name: `the unknown property ${name}`,
    body: withOption(`"${name}":"x"`),
    status: 400,
    slug: 'unknown-property',
    code: 'unknown_property',
    pointer: `#/${name}`,
  })),
  {
    name: 'no mappings',
    body: '{"mappings":[]}',
    ...invalid,
    code: 'invalid_value',
    pointer: '#/mappings',
  },
  {
    name: 'too many mappings',
    body: JSON.stringify({
      mappings: Array.from({ length: 101 }, (_, index) => mapping({ id: `m${index}` })),
    }),
    status: 413,
    slug: 'too-many-mappings',
    pointer: '#/mappings',
  },
  { name: 'a body over the limit', body: ' '.repeat(100_001), status: 413, slug: 'body-too-large' },
  {
    name: 'a body over the limit, in chunks',
    headers: { 'transfer-encoding': 'chunked' },
    body: `186a1\r\n${' '.repeat(100_001)}\r\n0\r\n\r\n`,
    status: 413,
    slug: 'body-too-large',
  },
  {
    name: '20,000 levels',
    body: one(`"data":${'['.repeat(20_000)}${']'.repeat(20_000)}`),
    status: 400,
    slug: 'too-deep',
    code: 'too_deep',
  },
  { name: '99,999 brackets', body: '['.repeat(99_999), status: 400, slug: 'too-deep' },
  {
    name: 'two mappings with one id',
    body: JSON.stringify({ mappings: [mapping(), mapping()] }),
    status: 400,
    slug: 'duplicate-mapping-id',
    code: 'duplicate_mapping_id',
    pointer: '#/mappings/1/id',
  },
  ...['x'.repeat(257), '', '   '].map((id) => ({
    name: `an id of ${id.length} characters like "${id.slice(0, 3)}"`,
    body: withId(id),
    ...invalid,
    code: 'invalid_value',
    pointer: '#/mappings/0/id',
  })),
  {
    name: 'an expression',
    body: one('"transformation":{"a":"{% $eval(x) %}"}'),
    status: 400,
    slug: 'invalid-expression',
    pointer: '#/mappings/0/transformation/a',
  },
  { name: 'no content type', headers: { 'content-type': null }, body: ONE, ...unsupported },
  ...[
    'text/plain',
    'application/xml',
    'multipart/form-data; boundary=x',
    'application/vnd.api+json',
    'application/json,application/json',
    'application/json5',
    'x',
  ].map((type) => ({
    name: `the content type ${type}`,
    headers: { 'content-type': type },
    body: ONE,
    ...unsupported,
  })),
  ...['application/json\t', ' application/json', 'application/json;', 'application/json\t;x'].map(
    (type) => ({
      name: `the content type ${JSON.stringify(type)}, unvalidated`,
      headers: { 'content-type': type },
      body: '{"mappings":[1]}',
      ...invalid,
      code: 'invalid_type',
    }),
  ),
  ...['gzip, gzip', 'br', 'deflate', 'gzip;q=1', ''].map((encoding) => ({
    name: `the encoding "${encoding}"`,
    headers: { 'content-encoding': encoding },
    body: ONE,
    status: 415,
    slug: 'unsupported-encoding',
  })),
  ...['x'.repeat(256), '', 'a b', 'a\tb', '"', '"a"b"c d"'].map((key) => ({
    name: `the idempotency key ${JSON.stringify(key.slice(0, 9))}`,
    headers: { 'idempotency-key': key },
    body: ONE,
    ...invalid,
    code: 'invalid_idempotency_key',
    pointer: '#/header/idempotency-key',
  })),
  ...['maybe', '', '1', 'TRUE', 'true%20', 'true&validate_only=true'].map((value) => ({
    name: `validate_only=${value}`,
    start: `POST /ingest?validate_only=${value}`,
    body: ONE,
    ...invalid,
    pointer: '#/query/validate_only',
  })),
  {
    name: 'validate_only misspelt: it must not be taken for the real thing',
    start: 'POST /ingest?validate-only=true',
    body: ONE,
    status: 400,
    slug: 'unknown-property',
    code: 'unknown_parameter',
    pointer: '#/query/validate-only',
  },
  {
    name: 'a bad mapping, rehearsed',
    start: 'POST /ingest?validate_only=true',
    body: withId(''),
    ...invalid,
    code: 'invalid_value',
    pointer: '#/mappings/0/id',
  },
  {
    name: 'a bad idempotency key, rehearsed',
    start: 'POST /ingest?validate_only=true',
    headers: { 'idempotency-key': 'a b' },
    body: ONE,
    ...invalid,
    pointer: '#/header/idempotency-key',
  },
  {
    name: 'a body over the limit, rehearsed',
    start: 'POST /ingest?validate_only=true',
    body: ' '.repeat(100_001),
    status: 413,
    slug: 'body-too-large',
  },
  {
    name: 'an expectation that nobody can meet',
    headers: { expect: '999-x' },
    body: ONE,
    status: 417,
    slug: 'expectation-failed',
  },
  {
    name: 'an answer in XML',
    headers: { accept: 'application/xml, application/json;q=0' },
    body: ONE,
    status: 406,
    slug: 'not-acceptable',
  },
  ...['0', '-1', 'abc', '1.5', '%201', '1e3', '0x10', '1&limit=2'].map((limit) => ({
    name: `limit=${limit}`,
    get: `/requests?limit=${limit}`,
    ...invalid,
    pointer: '#/query/limit',
  })),
  {
    name: 'limit[]=1',
    get: '/requests?limit[]=1',
    status: 400,
    slug: 'unknown-property',
    code: 'unknown_parameter',
    pointer: '#/query/limit%5B%5D',
  },
  {
    name: 'an unknown parameter',
    get: '/requests?page=2',
    status: 400,
    slug: 'unknown-property',
    code: 'unknown_parameter',
    pointer: '#/query/page',
  },
  {
    name: 'a date without a time',
    get: '/requests?created_after=2026-01-01',
    ...invalid,
    pointer: '#/query/created_after',
  },
  {
    name: 'a leap second',
    get: '/requests?created_after=2026-06-30T23:59:60Z',
    ...invalid,
    pointer: '#/query/created_after',
  },
  ...['x', '', 'W10', 'WzFd', 'x'.repeat(5000)].map((cursor) => ({
    name: `the cursor "${cursor.slice(0, 5)}" of ${cursor.length} characters`,
    get: `/requests?cursor=${cursor}`,
    status: 400,
    slug: 'invalid-cursor',
    code: 'invalid_cursor',
    pointer: '#/query/cursor',
  })),
  { name: 'a broken escape', get: '/status/%ZZ', status: 400, slug: 'malformed-request' },
  {
    name: 'an id of 200 characters',
    get: `/status/${'x'.repeat(200)}`,
    status: 404,
    slug: 'not-found',
  },
  { name: 'a path upwards', get: '/status/..%2f..%2fx', status: 404, slug: 'not-found' },
  {
    name: 'an unknown id',
    get: `${UNKNOWN}/results`,
    status: 404,
    slug: 'not-found',
  },
  ...['x', '1', 'W10', 'x'.repeat(5000)].map((eventId) => ({
    name: `the event id "${eventId.slice(0, 5)}" of ${eventId.length} characters`,
    get: `${UNKNOWN}/events`,
    headers: { 'last-event-id': eventId },
    status: 400,
    slug: 'invalid-cursor',
    code: 'invalid_cursor',
    pointer: '#/header/last-event-id',
  })),
  {
    name: 'events of an unknown id',
    get: `${UNKNOWN}/events`,
    status: 404,
    slug: 'not-found',
  },
  {
    name: 'events from a made-up parameter on',
    get: `${UNKNOWN}/events?since=1`,
    status: 400,
    slug: 'unknown-property',
    pointer: '#/query/since',
  },
  ...['application/json', ';q=1', 'text/event-stream;q=0', 'x'].map((accept) => ({
    name: `events as "${accept}"`,
    get: `${UNKNOWN}/events`,
    headers: { accept },
    status: 406,
    slug: 'not-acceptable',
  })),
  ...['text/html', ';q=1', 'text/csv;q=0', 'x', 'application/xml;q=1, */*;q=0'].map((accept) => ({
    name: `results as "${accept}"`,
    get: `${UNKNOWN}/results`,
    headers: { accept },
    status: 406,
    slug: 'not-acceptable',
  })),
  ...['text/csv', 'application/x-ndjson'].flatMap((accept) => [
    {
      name: `no results as ${accept}`,
      get: `${UNKNOWN}/results`,
      headers: { accept },
      status: 404,
      slug: 'not-found',
    },
    {
      name: `results up to nothing as ${accept}`,
      get: `${UNKNOWN}/results?limit=0`,
      headers: { accept },
      ...invalid,
      pointer: '#/query/limit',
    },
    {
      name: `results of no status as ${accept}`,
      get: `${UNKNOWN}/results?status=lost`,
      headers: { accept },
      ...invalid,
      pointer: '#/query/status',
    },
  ]),
  ...['wait=', 'wait="', ';;;,,,', `wait=${'9'.repeat(5000)}`, '='].map((prefer) => ({
    name: `the preference ${prefer.slice(0, 9)}`,
    get: UNKNOWN,
    headers: { prefer },
    status: 404,
    slug: 'not-found',
  })),
  {
    name: 'a method that is not for this',
    get: '/ingest',
    status: 405,
    slug: 'method-not-allowed',
  },
  {
    name: 'a method that nobody knows',
    start: 'FOO /livez',
    status: 400,
    slug: 'malformed-request',
  },
  {
    name: '20 KB of headers',
    get: '/livez',
    headers: { 'x-long': 'x'.repeat(20_000) },
    status: 431,
    slug: 'headers-too-large',
  },
  {
    name: 'an address of 20 KB',
    get: `/${'x'.repeat(20_000)}`,
    status: 431,
    slug: 'headers-too-large',
  },
  {
    name: 'two lengths',
    headers: { 'content-length': '5\r\nContent-Length: 6' },
    body: '12345',
    status: 400,
    slug: 'malformed-request',
  },
  {
    name: 'a length and chunks',
    headers: { 'content-length': '5', 'transfer-encoding': 'chunked' },
    body: '0\r\n\r\n',
    status: 400,
    slug: 'malformed-request',
  },
  {
    name: 'a folded header',
    get: '/livez',
    headers: { 'x-a': '1\r\n b' },
    status: 400,
    slug: 'malformed-request',
  },
  ...[
    { name: 'an empty change', body: '', ...malformed },
    { name: 'a truncated change', body: '{"paused":', ...malformed },
    { name: 'a change that is null', body: 'null', ...invalid, code: 'invalid_type' },
    { name: 'a change of nothing', body: '{}', ...invalid, code: 'required', pointer: '#' },
    { name: 'a change said twice', body: '{"paused":true,"paused":false}', ...invalid },
    {
      name: 'a change of something unknown',
      body: '{"breaker":null}',
      status: 400,
      slug: 'unknown-property',
      pointer: '#/breaker',
    },
    {
      name: '__proto__ in a change',
      body: '{"__proto__":{"paused":true}}',
      ...invalid,
      code: 'forbidden_key',
    },
    { name: 'a concurrency no double holds', body: '{"concurrency":9007199254740993}', ...invalid },
    {
      name: 'a rate of a thousand windows',
      body: `{"rate":[${'"1/s",'.repeat(999)}"1/s"]}`,
      ...invalid,
    },
    { name: 'a change in a form', headers: { 'content-type': 'text/plain' }, ...unsupported },
    {
      name: 'a change that is too large',
      body: `{"rate":"${'9'.repeat(70_000)}/s"}`,
      status: 413,
      slug: 'body-too-large',
    },
  ].map((row) => ({ start: 'PATCH /systems/crm', ...row })),
  {
    name: 'a system of a name too long',
    get: `/systems/${'x'.repeat(129)}`,
    status: 404,
    slug: 'not-found',
  },
  {
    name: 'a system with a bad escape',
    get: '/systems/%ff',
    status: 400,
    slug: 'malformed-request',
  },
  {
    name: 'a system of a name that no mapping can have',
    get: '/systems/a%00b',
    status: 404,
    slug: 'not-found',
  },
  {
    name: 'systems by a made-up cursor',
    get: '/systems?cursor=x',
    status: 400,
    slug: 'invalid-cursor',
  },
  {
    name: 'systems by something else',
    get: '/systems?kind=http',
    status: 400,
    slug: 'unknown-property',
  },
  {
    name: 'a resume with a body',
    start: 'POST /systems/crm/resume',
    body: '{}',
    status: 400,
    slug: 'unknown-property',
    pointer: '#',
  },
  {
    name: 'a resume with a form',
    start: 'POST /systems/crm/resume',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: 'a=b',
    ...unsupported,
  },
  {
    name: 'a resume of what is open',
    start: 'POST /systems/crm/resume',
    headers: { 'content-type': null },
    status: 409,
    slug: 'invalid-state',
  },
]

/** Inputs that look bad and are not. */
export const TAKEN: readonly Input[] = [
  { name: 'a byte order mark', body: `\uFEFF${ONE}` },
  {
    name: 'ids that differ in case and composition',
    body: JSON.stringify({ mappings: ['a', 'A', 'é', 'e\u0301'].map((id) => mapping({ id })) }),
  },
  ...[
    '../../etc/passwd',
    "'; DROP TABLE x;--",
    '<script>',
    `\${jndi:ldap://x}`,
    '%00',
    '=HYPERLINK(1)',
    '\tx',
    '𝒳'.repeat(256),
  ].map((id) => ({ name: `the id ${JSON.stringify(id.slice(0, 20))}`, body: withId(id) })),
  ...['application/json;', 'application/json\t;x', 'Application/JSON; Charset="UTF-8"'].map(
    (type) => ({ name: `the content type ${type}`, headers: { 'content-type': type }, body: ONE }),
  ),
  { name: 'an idempotency key of 255', headers: { 'idempotency-key': 'x'.repeat(255) }, body: ONE },
]
