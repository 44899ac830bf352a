/** The part of the catalogue that comes encoded, with options in its address, or as a stream. */
import { gzipSync, zstdCompressSync } from 'node:zlib'
import type { Row } from './hostile-rows.ts'
import type { Input } from './send.ts'
import { mapping } from './server.ts'

const ONE = JSON.stringify({ mappings: [mapping()] })
const LINE = JSON.stringify(mapping())

const invalid = { status: 400, slug: 'validation-failed' } as const
const tooLarge = { status: 413, slug: 'body-too-large' } as const

/** A bomb: a megabyte of them is a kilobyte. */
const ZEROS = Buffer.alloc(3_000_000)

function withOption(option: string): string {
  return ONE.replace('{', `{${option},`)
}

function ndjson(
  body: string | Buffer,
  more: Partial<Row> = {},
): Omit<Row, 'name' | 'status' | 'slug'> {
  return { headers: { 'content-type': 'application/x-ndjson' }, body, ...more }
}

function csv(body: string | Buffer): Omit<Row, 'name' | 'status' | 'slug'> {
  return { headers: { 'content-type': 'text/csv' }, body }
}

function encoded(encoding: string, body: Buffer, type = 'application/json') {
  return { headers: { 'content-encoding': encoding, 'content-type': type }, body }
}

const malformedEncoding = { ...invalid, code: 'malformed_encoding', pointer: '#' } as const

/** A frame of zstd that holds a text as it is, and says how far back it may look: so many bits. */
function zstdFrame(text: string, windowLog: number): Buffer {
  const [blockType, isLast] = [0, 1]
  const block = Buffer.alloc(3)
  block.writeUIntLE((text.length << 3) | (blockType << 1) | isLast, 0, 3)
  const head = [0x28, 0xb5, 0x2f, 0xfd, 0, (windowLog - 10) << 3]
  return Buffer.concat([Buffer.from(head), block, Buffer.from(text)])
}

const ENCODED: readonly Row[] = [
  { name: 'no gzip', ...encoded('gzip', Buffer.from(ONE)), ...malformedEncoding },
  { name: 'no zstd', ...encoded('zstd', Buffer.from(ONE)), ...malformedEncoding },
  {
    name: 'gzip that is cut off',
    ...encoded('gzip', gzipSync(ONE).subarray(0, 40)),
    ...malformedEncoding,
  },
  {
    name: 'zstd that is cut off',
    ...encoded('zstd', zstdCompressSync(ONE).subarray(0, 40)),
    ...malformedEncoding,
  },
  {
    name: 'zstd with something else behind it',
    ...encoded('zstd', Buffer.concat([zstdCompressSync(ONE), Buffer.from(ONE)])),
    ...malformedEncoding,
  },
  {
    name: 'zstd that would have us remember 128 MB',
    ...encoded('zstd', zstdFrame(ONE, 27)),
    ...malformedEncoding,
  },
  { name: 'a bomb of gzip', ...encoded('gzip', gzipSync(ZEROS)), ...tooLarge },
  { name: 'a bomb of zstd', ...encoded('zstd', zstdCompressSync(ZEROS)), ...tooLarge },
  {
    name: 'a bomb of gzip as a stream',
    ...encoded('gzip', gzipSync(ZEROS), 'application/x-ndjson'),
    ...tooLarge,
  },
  {
    name: 'bad JSON in gzip',
    ...encoded('gzip', gzipSync('{"mappings":[')),
    ...{ status: 400, slug: 'malformed-json', code: 'malformed_json' },
  },
]

const TIMES: readonly Row[] = [
  ...['tomorrow', '2026-01-31', '2026-01-31T09:30:00', '2026-02-30T09:30:00Z', ''].map((text) => ({
    name: `not before "${text}"`,
    body: withOption(`"not_before":"${text}"`),
    ...{ ...invalid, code: 'invalid_value', pointer: '#/not_before' },
  })),
  {
    name: 'not before a time that nobody here will see',
    body: withOption('"not_before":"9999-01-01T00:00:00Z"'),
    ...{ ...invalid, code: 'invalid_value', pointer: '#/not_before' },
  },
  ...['', '2', '2 h', '-1h', '1.5h', 'P1M', 'P1Y', 'PT', '0s', '999ms', '367d', 'P53W'].map(
    (text) => ({
      name: `expiring in "${text}"`,
      body: withOption(`"expires_in":"${text}"`),
      ...{ ...invalid, code: 'invalid_value', pointer: '#/expires_in' },
    }),
  ),
  {
    name: 'a number of seconds as a length of time',
    body: withOption('"expires_in":7200'),
    ...{ ...invalid, code: 'invalid_type', pointer: '#/expires_in' },
  },
  {
    name: 'expiring before its time',
    body: withOption(
      `"not_before":"${new Date(Date.now() + 3_600_000).toISOString()}","expires_in":"30m"`,
    ),
    ...{ ...invalid, code: 'invalid_value', pointer: '#/expires_in' },
  },
]

const QUERIES: readonly Row[] = [
  ...[
    ['color=red', 'unknown-property', 'unknown_parameter', '#/query/color'],
    ['priority=high', 'validation-failed', 'invalid_value', '#/query/priority'],
    ['priority=HIGH&priority=LOW', 'validation-failed', 'invalid_type', '#/query/priority'],
    ['batch_size=0', 'validation-failed', 'invalid_value', '#/query/batch_size'],
    ['batch_size=5.5', 'validation-failed', 'invalid_type', '#/query/batch_size'],
    ['on_invalid=ignore', 'validation-failed', 'invalid_value', '#/query/on_invalid'],
    ['metadata=x', 'malformed-json', 'malformed_json', '#/query/metadata'],
    ['metadata=[]', 'validation-failed', 'invalid_type', '#/query/metadata'],
    ['metadata={"a":1}', 'validation-failed', 'invalid_type', '#/query/metadata/a'],
    ['metadata={"a":"1","a":"2"}', 'validation-failed', 'duplicate_key', '#/query/metadata/a'],
    ['not_before=soon', 'validation-failed', 'invalid_value', '#/query/not_before'],
    ['expires_in=2', 'validation-failed', 'invalid_value', '#/query/expires_in'],
  ].map(([query = '', slug = '', code = '', pointer = '']) => ({
    name: `NDJSON with ?${query}`,
    ...ndjson(LINE, { start: `POST /ingest?${encodeURI(query)}` }),
    ...{ status: 400, slug, code, pointer },
  })),
  {
    name: 'JSON with its priority in the address',
    start: 'POST /ingest?priority=HIGH',
    body: ONE,
    ...{ ...invalid, code: 'misplaced_parameter', pointer: '#/query/priority' },
  },
]

const STREAMS: readonly Row[] = [
  ...['', '\n \r\n\n', '\uFEFF'].map((body) => ({
    name: `NDJSON of nothing but ${JSON.stringify(body)}`,
    ...ndjson(body),
    ...{ ...invalid, code: 'invalid_value', pointer: '#/mappings' },
  })),
  {
    name: 'a line that is no JSON',
    ...ndjson(`${LINE}\n{"id":\n`),
    ...{
      status: 400,
      slug: 'malformed-json',
      code: 'malformed_json',
      pointer: '#/mappings/1',
      line: 2,
    },
  },
  ...['1', 'null', '[]', '"x"'].map((line) => ({
    name: `a line that is ${line}`,
    ...ndjson(`\n${line}`),
    ...{ ...invalid, code: 'invalid_type', pointer: '#/mappings/0', line: 2 },
  })),
  {
    name: 'a line of another kind of JSON body',
    ...ndjson(ONE),
    ...{
      status: 400,
      slug: 'validation-failed',
      code: 'unknown_property',
      pointer: '#/mappings/0/mappings',
    },
  },
  {
    name: 'a line that is not UTF-8',
    ...ndjson(Buffer.concat([Buffer.from(`${LINE}\n"`), Buffer.from([0xff, 0x22])])),
    ...{
      status: 400,
      slug: 'invalid-utf8',
      code: 'invalid_utf8',
      pointer: '#/mappings/1',
      line: 2,
    },
  },
  {
    name: 'NDJSON in UTF-16',
    ...ndjson(Buffer.from(`\uFEFF${LINE}`, 'utf16le')),
    ...{ status: 400, slug: 'invalid-utf8', code: 'invalid_utf8' },
  },
  {
    name: 'a line that is nested deeply',
    ...ndjson(LINE.replace('}', `,"data":${'['.repeat(33)}${']'.repeat(33)}}`)),
    ...{ status: 400, slug: 'too-deep', code: 'too_deep', pointer: '#/mappings/0', line: 1 },
  },
  {
    name: '__proto__ in a line',
    ...ndjson(LINE.replace('}', ',"data":{"__proto__":1}}')),
    ...{ ...invalid, code: 'forbidden_key', pointer: '#/mappings/0/data/__proto__', line: 1 },
  },
  {
    name: 'a number that a double cannot hold, in a line',
    ...ndjson(LINE.replace('}', ',"data":9007199254740993}')),
    ...{ ...invalid, code: 'unsafe_number', pointer: '#/mappings/0/data', line: 1 },
  },
  {
    name: 'two lines with one id',
    ...ndjson(`${LINE}\n\n${LINE}`),
    ...{ status: 400, slug: 'duplicate-mapping-id', code: 'duplicate_mapping_id' },
    ...{ pointer: '#/mappings/1/id', line: 3 },
  },
  {
    name: 'a stream over the limit',
    ...ndjson(' '.repeat(2_000_001)),
    ...tooLarge,
  },
  {
    name: 'a stream over the limit, in chunks',
    headers: { 'content-type': 'application/x-ndjson', 'transfer-encoding': 'chunked' },
    body: `1e8481\r\n${' '.repeat(2_000_001)}\r\n0\r\n\r\n`,
    ...tooLarge,
  },
  {
    name: 'a line of more than a megabyte',
    ...ndjson(`"${'x'.repeat(1_000_001)}"\n${LINE}`),
    ...{ ...invalid, code: 'line_too_long', pointer: '#/mappings/0', line: 1 },
  },
  {
    name: 'too many lines',
    ...ndjson('1\n'.repeat(20_001)),
    ...{ status: 413, slug: 'too-many-mappings', pointer: '#/mappings' },
  },
  {
    name: 'NDJSON in Latin-1 by label',
    headers: { 'content-type': 'application/x-ndjson; charset=latin1' },
    body: LINE,
    status: 415,
    slug: 'unsupported-media-type',
  },
  {
    name: 'CSV without the names of its columns, by label',
    headers: { 'content-type': 'text/csv; header=absent' },
    body: LINE,
    status: 415,
    slug: 'unsupported-media-type',
  },
  ...[
    ['nothing', ''],
    ['nothing but blank lines', '\n\n'],
    ['a column too few', 'id,source\na,b\n'],
    ['a column without a name', 'id,source,target,\na,b,c,d\n'],
    ['a column named twice', 'id,source,target,id\na,b,c,d\n'],
    ['a NUL in the name of a column', 'id,source,target,a\0b\na,b,c,d\n'],
    ['a column called __proto__', 'id,source,target,__proto__\na,b,c,d\n'],
    ['records in two ways', 'id,source,target,data,email\na,b,c,1,d\n'],
    [
      'a thousand columns and more',
      `id,source,target,${Array.from({ length: 998 }, (_, n) => n)}\n`,
    ],
  ].map(([name, body = '']) => ({
    name: `CSV with ${name}`,
    ...csv(body),
    ...{ ...invalid, code: 'malformed_csv' },
  })),
  {
    name: 'CSV with names and nothing else',
    ...csv('id,source,target\n'),
    ...{ ...invalid, code: 'invalid_value', pointer: '#/mappings' },
  },
  ...[
    ['a quote in the middle of a cell', 'id,source,target\na,b"c,d\n', 2],
    ['something after a quote', 'id,source,target\n\n"a"x,b,c\n', 3],
    ['a quote that is never closed', 'id,source,target\na,b,"c\n\n', 2],
  ].map(([name, body, line]) => ({
    name: `CSV with ${name}`,
    ...csv(String(body)),
    ...{ ...invalid, code: 'malformed_csv', pointer: '#', line: Number(line) },
  })),
  {
    name: 'CSV with a row of another length',
    ...csv('id,source,target\na,b,c\nd,e\n'),
    ...{ ...invalid, code: 'malformed_csv', pointer: '#/mappings/1', line: 3 },
  },
  {
    name: 'CSV with an empty id, after a cell of two lines',
    ...csv('id,source,target\n"a\nb",c,d\n,e,f\n'),
    ...{ ...invalid, code: 'invalid_value', pointer: '#/mappings/1/id', line: 4 },
  },
  {
    name: 'CSV with a transformation that is no object',
    ...csv('id,source,target,transformation\na,b,c,[]\n'),
    ...{ ...invalid, code: 'invalid_type', pointer: '#/mappings/0/transformation', line: 2 },
  },
  {
    name: 'CSV with a transformation that is no JSON',
    ...csv('id,source,target,transformation\na,b,c,{\n'),
    ...{ status: 400, slug: 'malformed-json', code: 'malformed_json' },
    ...{ pointer: '#/mappings/0/transformation', line: 2 },
  },
  {
    name: 'CSV with a NUL',
    ...csv('id,source,target,email\na,b,c,"x\0y"\n'),
    ...{ ...invalid, code: 'invalid_string', pointer: '#/mappings/0/data/email', line: 2 },
  },
  {
    name: 'CSV that is not UTF-8',
    ...csv(Buffer.concat([Buffer.from('id,source,target\na,b,'), Buffer.from([0xff, 0x0a])])),
    ...{ status: 400, slug: 'invalid-utf8', code: 'invalid_utf8' },
  },
  {
    name: 'CSV that ends within a character',
    ...csv(Buffer.concat([Buffer.from('id,source,target\na,b,'), Buffer.from([0xe2, 0x82])])),
    ...{ status: 400, slug: 'invalid-utf8', code: 'invalid_utf8' },
  },
  {
    name: 'CSV with a row of more than a megabyte',
    ...csv(`id,source,target\na,b,${'c'.repeat(1_000_001)}\n`),
    ...{ ...invalid, code: 'line_too_long', line: 2 },
  },
  {
    name: 'a stream of which every mapping would be skipped',
    ...ndjson('1\n{}\n', { start: 'POST /ingest?on_invalid=skip' }),
    ...{ ...invalid, code: 'invalid_type', pointer: '#/mappings/0', line: 1 },
  },
  {
    name: 'JSON of which every mapping would be skipped',
    start: 'POST /ingest?on_invalid=skip',
    body: '{"mappings":[1,{}]}',
    ...{ ...invalid, code: 'invalid_type', pointer: '#/mappings/0' },
  },
]

/** All of these. */
export const STREAM_ROWS: readonly Row[] = [...ENCODED, ...TIMES, ...QUERIES, ...STREAMS]

/** Inputs that look bad and are not. */
export const STREAMS_TAKEN: readonly Input[] = [
  { name: 'JSON in gzip', ...encoded('gzip', gzipSync(ONE)) },
  {
    name: 'JSON in gzip, of two members',
    ...encoded('x-gzip', Buffer.concat([gzipSync(ONE.slice(0, 9)), gzipSync(ONE.slice(9))])),
  },
  { name: 'JSON in zstd', ...encoded(' ZSTD ', zstdCompressSync(ONE)) },
  {
    name: 'JSON in zstd, of two frames',
    ...encoded(
      'zstd',
      Buffer.concat([ONE.slice(0, 9), ONE.slice(9)].map((part) => zstdCompressSync(part))),
    ),
  },
  {
    name: 'JSON in zstd that looks back as far as HTTP allows',
    ...encoded('zstd', zstdFrame(ONE, 23)),
  },
  { name: 'JSON that says it is as it is', ...encoded('identity', Buffer.from(ONE)) },
  { name: 'NDJSON without an end of its line', ...ndjson(LINE) },
  {
    name: 'NDJSON with everything that may be passed over',
    ...ndjson(`\uFEFF\n  ${LINE}\t\r\n\r\n \n`),
  },
  { name: 'NDJSON that has failed before', ...ndjson(LINE.replace('}', ',"error":{"code":"x"}}')) },
  {
    name: 'NDJSON by its other names',
    headers: { 'content-type': 'Application/JSONL; charset=utf-8' },
    body: LINE,
  },
  {
    name: 'NDJSON that skips what is bad',
    ...ndjson(`x\n${LINE}\n\xff`, { start: 'POST /ingest?on_invalid=skip' }),
  },
  {
    name: 'NDJSON with every option',
    ...ndjson(LINE, {
      start: `POST /ingest?priority=LOW&batch_size=7&not_before=2026-01-31T09:30:00%2B02:00&expires_in=PT2H&metadata=${encodeURIComponent('{"run":"é"}')}`,
    }),
  },
  {
    name: 'CSV as spreadsheets write it',
    ...csv('\uFEFFid,source,target,"e-mail, first"\r\n1,b,c,"x ""y"" z"\r\n\r\n'),
  },
  { name: 'CSV without an end of its line', ...csv('target,id,source\na,b,c') },
  { name: 'CSV that has failed before', ...csv('id,source,target,error\na,b,c,why\n') },
  {
    name: 'CSV with its header by label',
    headers: { 'content-type': 'text/csv; charset=UTF-8; header=present' },
    body: 'id,source,target\na,b,c\n',
  },
  { name: 'a time that is over', body: withOption('"not_before":"2020-01-01T00:00:00Z"') },
  ...['90s', '5m', '2h', '7d', '366d', 'PT2H', 'P1DT12H', 'P2W'].map((text) => ({
    name: `expiring in ${text}`,
    body: withOption(`"expires_in":"${text}"`),
  })),
]
