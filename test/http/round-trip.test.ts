/**
 * What failed goes out as a file, is mended by somebody, and comes in again: by the real service, which
 * calls a real target.
 */
import { createServer } from 'node:http'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Mapping, Sluice } from '../../src/client/index.ts'
import { listen } from '../deliver/targets.ts'
import { startService, temporaryDirectory, writeSystems } from '../support/process.ts'

/** What a person finds in the file, and what they write in its place. */
const WRONG = 'the wrong word'
const RIGHT = 'the "right", word'

/** Texts that a table may spoil. */
const DELICATE = [
  'plain',
  'a, comma',
  'a "quote"',
  'two\nlines',
  'two\r\nlines',
  '=1+1',
  "'=1+1",
  "''=1+1",
  "'quoted'",
  '+49',
  '-1',
  '@home',
  '\ttab',
  ' spaces ',
  'ünïcödé 漢字 👩‍👧',
  '0012',
  'true',
]

/** A target that answers 422 to whatever holds the wrong word, and the bodies that it took, as JSON. */
async function openTarget() {
  const taken = new Map<string, unknown>()
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    if (body.includes(WRONG)) response.statusCode = 422
    else taken.set(String(request.headers['idempotency-key']), JSON.parse(body))
    response.end()
  })
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: await listen(server), taken }
}

async function opened() {
  const target = await openTarget()
  const directory = await temporaryDirectory()
  await writeSystems(directory, {
    shop: { kind: 'simulated' },
    crm: {
      kind: 'http',
      base_url: target.url,
      write: { method: 'POST', path: '/contacts' },
      allow_private: ['127.0.0.0/8'],
    },
  })
  const sluice = new Sluice({ baseUrl: await startService({ directory }).started() })
  return { sluice, taken: target.taken }
}

const between = { source: 'shop', target: 'crm' }

/** Records of the same fields, with nothing but texts in them: each field has a column. */
const TABLE: readonly Mapping[] = DELICATE.flatMap((text, at) => [
  { id: `good ${at}`, ...between, data: { '=text': text, 'a, "name"': 'fine' } },
  { id: text, ...between, data: { '=text': text, 'a, "name"': WRONG } },
])

/** Records of every type, with transformations or without. */
const MIXED: readonly Mapping[] = [
  ...[null, true, false, 0, -1.5e-7, 2 ** 53 - 1, '', [], {}, ...DELICATE].map((data, at) => ({
    ...{ id: `computed ${at}`, ...between, data },
    transformation: { value: '{% record %}', is: WRONG, deep: [{ 'a.b': null, text: '=1+1' }] },
  })),
  ...[`=${WRONG}`, [WRONG, 1, null], { a: { b: [WRONG] }, c: '=1' }].map((data, at) => ({
    ...{ id: `as it is ${at}`, ...between, data },
  })),
  { id: 'of no record', ...between, transformation: { id: '{% id %}', is: WRONG } },
  { id: 'good', ...between, data: 1 },
]

/** The payload of a mapping, as it is to be in the end. */
function payloadOf({ id, data, transformation }: Mapping): unknown {
  const mend = (value: unknown) =>
    JSON.parse(JSON.stringify(value).replaceAll(WRONG, JSON.stringify(RIGHT).slice(1, -1)))
  if (transformation === undefined) return mend(data)
  return mend('value' in transformation ? { ...transformation, value: data } : { id, is: WRONG })
}

/** In a cell of a table, or in JSON that is in one. */
const WRITTEN = {
  ndjson: JSON.stringify(RIGHT).slice(1, -1),
  fields: RIGHT.replaceAll('"', '""'),
  json: JSON.stringify(RIGHT).slice(1, -1).replaceAll('"', '""'),
}

describe('what failed, written out, mended and handed in again', () => {
  test.each([
    ['csv', 'a table of texts', TABLE, WRITTEN.fields],
    ['csv', 'a table with JSON in it', MIXED, WRITTEN.json],
    ['ndjson', 'lines of JSON', MIXED, WRITTEN.ndjson],
  ] as const)('as %s completes, and knows what it mends: %s', async (format, _, all, written) => {
    const { sluice, taken } = await opened()
    const bad = all.filter((mapping) => JSON.stringify(mapping).includes(WRONG))
    const { request_id: first } = await sluice.submit({ mappings: all })
    expect(await sluice.wait(first)).toMatchObject({
      ...{ status: 'failed', failed_mappings: bad.length, retry_of: null },
      completed_mappings: all.length - bad.length,
    })
    taken.clear()

    const stream = await sluice.exportResults(first, { format, status: 'failed' })
    const file = await new Response(stream).text()
    expect(file).toContain('target_rejected')
    // A table of texts has its records in columns, and needs quotes where the word brings some along.
    const mended =
      all === TABLE
        ? file.replaceAll(`,${WRONG},`, `,"${written}",`)
        : file.replaceAll(WRONG, written)
    const { request_id: second } = await sluice.submitStream(new Blob([mended]), {
      ...{ format, retryOf: first },
    })

    expect(await sluice.wait(second)).toMatchObject({
      ...{ status: 'completed', total_mappings: bad.length, retry_of: first },
    })
    const ids: string[] = []
    for await (const { id } of sluice.results(second)) ids.push(id)
    expect(ids).toEqual(bad.map(({ id }) => id))
    expect(bad.map((_, ordinal) => taken.get(`${second}:${ordinal}`))).toEqual(bad.map(payloadOf))
    expect(await sluice.status(first)).toMatchObject({ status: 'failed', retry_of: null })
  })
})
