import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FakeSluice, problem } from '../client/fake.ts'
import { MAIN, sluice } from './run.ts'

const MAPPING = '{"id": "a", "source": "shop", "target": "crm"}'
const BROKEN = '{"id": "b", "source": "shop", "target": "broken"}'

const TERMS = [
  ...['-p', 'HIGH', '--batch-size', '7', '--idempotency-key', 'nightly'],
  ...['--metadata', 'run=nightly', '--metadata', 'by=a=b', '--on-invalid', 'skip'],
  ...['--not-before', '2026-01-31T09:30:00Z', '--expires-in', '2h'],
  ...['--callback-url', 'https://example.com/done', '--retry-of', 'request-0'],
]

let directory: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-submit-'))
})

afterAll(() => rm(directory, { recursive: true }))

/** Submits `content` from a JSON file; what the server got is in `received`. */
function submitted(content: string | Uint8Array, ...args: readonly string[]) {
  return submittedAs('.json', content, ...args)
}

/** The same from a file whose name ends in `extension`. */
async function submittedAs(
  extension: string,
  content: string | Uint8Array,
  ...args: readonly string[]
) {
  await using fake = await FakeSluice.start()
  const file = join(directory, `${crypto.randomUUID()}${extension}`)
  await writeFile(file, content)
  const ran = await sluice(['submit', file, '--url', fake.url, ...args])
  return { ...ran, received: fake.received }
}

describe('submit sends', () => {
  test('a request as it is, and writes nothing but its id to stdout', async () => {
    const content = `{"mappings": [${MAPPING}], "priority": "LOW"}`
    const { code, stdout, stderr, received } = await submitted(content)
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'request-1\n' })
    expect(stderr).toContain('Accepted 1 mapping.')
    expect(stderr).toContain('sluice watch request-1')
    expect(received[0]?.body).toBe(content)
  })

  test('a list of mappings as a request', async () => {
    const { received } = await submitted(`\n [${MAPPING}]`)
    expect(received[0]?.body).toBe(`{"mappings":\n [${MAPPING}]}`)
  })

  test('the options in place of what the file says', async () => {
    const content = `{"mappings": [${MAPPING}], "priority": "LOW"}`
    const { received } = await submitted(content, ...TERMS)
    expect(JSON.parse(received[0]?.body ?? '')).toEqual({
      mappings: [JSON.parse(MAPPING)],
      priority: 'HIGH',
      batch_size: 7,
      metadata: { run: 'nightly', by: 'a=b' },
      not_before: '2026-01-31T09:30:00Z',
      expires_in: '2h',
      callback_url: 'https://example.com/done',
      retry_of: 'request-0',
    })
    expect(received[0]?.query).toEqual({ on_invalid: 'skip' })
    expect(received[0]?.headers['idempotency-key']).toBe('nightly')
  })

  test('every digit, also beside options', async () => {
    const content = '[{"id": "a", "source": "s", "target": "t", "data": 12345678901234567890}]'
    const { received } = await submitted(content, '--priority', 'HIGH')
    expect(received[0]?.body).toContain('"data": 12345678901234567890')
  })

  test('stdin, to where SLUICE_URL says', async () => {
    await using fake = await FakeSluice.start()
    const env = { SLUICE_URL: fake.url }
    const { code } = await sluice(['submit', '-'], { env, input: `[${MAPPING}]` })
    expect(code).toBe(0)
    expect(fake.received[0]?.body).toBe(`{"mappings":[${MAPPING}]}`)
  })
})

describe('submit streams', () => {
  const LINES = `${MAPPING}\n${BROKEN}\n`
  const CSV = 'id,source,target\na,shop,crm\n'

  test.each([
    ['.ndjson', LINES, 'application/x-ndjson', undefined],
    ['.jsonl', LINES, 'application/x-ndjson', undefined],
    ['.csv', CSV, 'text/csv', undefined],
    ['.CSV', CSV, 'text/csv', undefined],
    ['.ndjson.gz', gzipSync(LINES), 'application/x-ndjson', 'gzip'],
    ['.csv.zst', zstdCompressSync(CSV), 'text/csv', 'zstd'],
  ])('%s as it is', async (extension, content, type, encoding) => {
    const { code, received } = await submittedAs(extension, content)
    expect(code).toBe(0)
    const [sent] = received
    expect(sent?.bytes).toEqual(Buffer.from(content))
    expect(sent?.headers['content-type']).toBe(type)
    expect(sent?.headers['content-encoding']).toBe(encoding)
    expect(sent?.headers['idempotency-key']).toMatch(/^[\da-f]{32}$/)
  })

  test('stdin as it is said to be, its options in the address', async () => {
    await using fake = await FakeSluice.start()
    const args = ['submit', '-', '--format', 'ndjson', '--url', fake.url, ...TERMS]
    const { code, stdout } = await sluice(args, { input: LINES })
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'request-1\n' })
    expect(fake.received[0]?.body).toBe(LINES)
    expect(fake.received[0]?.query).toEqual({
      priority: 'HIGH',
      batch_size: '7',
      metadata: '{"run":"nightly","by":"a=b"}',
      not_before: '2026-01-31T09:30:00Z',
      expires_in: '2h',
      callback_url: 'https://example.com/done',
      retry_of: 'request-0',
      on_invalid: 'skip',
    })
    expect(fake.received[0]?.headers['idempotency-key']).toBe('nightly')
  })

  test('but JSON that is compressed is unpacked first, so that options can be put into it', async () => {
    const { received } = await submittedAs('.json.gz', gzipSync(`[${MAPPING}]`), '-p', 'LOW')
    expect(JSON.parse(received[0]?.body ?? '')).toEqual({
      mappings: [JSON.parse(MAPPING)],
      priority: 'LOW',
    })
  })

  test('and all of it, where it has several frames of zstd', async () => {
    const content = Buffer.concat(['[', `${MAPPING}]`].map((part) => zstdCompressSync(part)))
    const { received } = await submittedAs('.json.zst', content)
    expect(JSON.parse(received[0]?.body ?? '')).toEqual({ mappings: [JSON.parse(MAPPING)] })
  })

  test.each([
    ['.json.zst', 'zstd', `[${MAPPING}]`],
    ['.json.gz', 'gzip', Buffer.concat([gzipSync(`[${MAPPING}]`), Buffer.from('\0more')])],
  ])('nothing where a file %s is not wholly compressed by %s', async (ending, name, content) => {
    const { code, stderr, received } = await submittedAs(ending, content)
    expect({ code, received }).toEqual({ code: 2, received: [] })
    expect(stderr).toContain(`is not compressed by ${name}, as its name says`)
  })
})

test('submit tells how many were not good', async () => {
  await using fake = await FakeSluice.start()
  const body = { request_id: 'request-1', total_mappings: 5, skipped_mappings: 2 }
  fake.answers.push({ status: 202, body })
  const args = ['submit', '-', '--on-invalid', 'skip', '--url', fake.url]
  const { code, stderr } = await sluice(args, { input: `[${MAPPING}]` })
  expect(code).toBe(0)
  expect(stderr).toContain('Accepted 5 mappings. 2 of them are bad, and count as failed.\n')
})

describe('submit --json', () => {
  test('writes the receipt, and nothing else to stdout', async () => {
    const { code, stdout } = await submitted(`[${MAPPING}]`, '--json')
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ request_id: 'request-1', total_mappings: 1 })
  })

  test('and --wait write the final status', async () => {
    const { code, stdout } = await submitted(`[${MAPPING}, ${BROKEN}]`, '--json', '--wait')
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({ request_id: 'request-1', status: 'failed' })
  })
})

describe('submit --wait', () => {
  test('ends with 0 when every mapping completed', async () => {
    const { code, stdout, stderr } = await submitted(`[${MAPPING}]`, '--wait')
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'request-1\n' })
    expect(stderr).toContain('completed: 1 of 1 mapping completed in 3.4 s')
  })

  test('ends with 1 when one did not', async () => {
    const { code, stderr } = await submitted(`[${MAPPING}, ${BROKEN}]`, '--wait')
    expect(code).toBe(1)
    expect(stderr).toContain('failed: 1 of 2 mappings completed, 1 failed')
    expect(stderr).toContain('sluice failures request-1')
  })
})

test('submit ends with 130 on Ctrl-C, though more might come from stdin, and npm passes it on', async () => {
  await using server = createServer((request) => {
    request.once('data', () => {
      child.kill('SIGINT')
      setTimeout(() => child.kill('SIGINT'), 2)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  const args = [MAIN, 'submit', '-', '--format', 'ndjson', '--url', url]
  const child = spawn(process.execPath, args, { env: {}, timeout: 20_000 })
  child.stdin.write(`${MAPPING}\n`)
  const [stderr] = await Promise.all([text(child.stderr), once(child, 'exit')])
  expect(child.exitCode).toBe(130)
  expect(stderr).toContain('Interrupted. A request that was not sent completely is not taken.')
  server.closeAllConnections()
})

describe('submit refuses, with 2,', () => {
  test.each([
    ['what is not JSON for it', 'mappings: []', 'JSON that begins with { or ['],
    ['nothing', '', 'JSON that begins with { or ['],
    ['what is not UTF-8', Uint8Array.of(0x5b, 0xff, 0x5d), 'not in UTF-8'],
  ])('%s', async (_, content, message) => {
    const { code, stdout, stderr, received } = await submitted(content)
    expect({ code, stdout, received }).toEqual({ code: 2, stdout: '', received: [] })
    expect(stderr).toContain(message)
  })

  test.each(['none.json', 'none.csv', 'none.ndjson.gz'])(
    'a file that is not there',
    async (name) => {
      const { code, stderr } = await sluice(['submit', join(directory, name)])
      expect(code).toBe(2)
      expect(stderr).toMatch(/^error: Cannot read .+. Does it exist, and may you read it\?\n$/)
    },
  )

  test.each(['json', 'csv'])('a directory, as %s', async (format) => {
    const { code, stderr } = await sluice(['submit', directory, '--format', format])
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: `error: ${directory} is a directory. Name a file, or - for the standard input.\n`,
    })
  })
})

describe('submit passes on', () => {
  test('what Sluice refuses, with 2 and the places to mend', async () => {
    await using fake = await FakeSluice.start()
    const errors = [{ pointer: '#/mappings/0/id', code: 'x', detail: 'Give it \u001b[2Jan id.' }]
    fake.answers.push(problem(400, 'validation-failed', 'The request is not valid.', { errors }))
    const ran = await sluice(['submit', '-', '--url', fake.url], { input: '[]' })
    expect(ran).toEqual({
      code: 2,
      stdout: '',
      stderr: 'error: The request is not valid.\n  #/mappings/0/id: Give it \\u001b[2Jan id.\n',
    })
  })

  test('a failure of the server, with 3', async () => {
    await using fake = await FakeSluice.start()
    const away = problem(503, 'draining', 'Come again later.', { headers: { 'retry-after': '60' } })
    fake.answers.push(away)
    const ran = await sluice(['submit', '-', '--url', fake.url], { input: '[]' })
    expect(ran).toEqual({ code: 3, stdout: '', stderr: 'error: Come again later.\n' })
  })

  test('a doubt whether it was taken, with the key that settles it', async () => {
    await using fake = await FakeSluice.start()
    const fault = problem(500, 'internal-error', 'Look for answer-1 in the log.')
    fake.answers.push(...Array.from({ length: 4 }, () => fault))
    const ran = await sluice(['submit', '-', '--url', fake.url], { input: '[]' })
    expect(ran.code).toBe(3)
    const keys = new Set(fake.received.map(({ headers }) => headers['idempotency-key']))
    expect(ran.stderr).toBe(
      'error: Look for answer-1 in the log.\n' +
        'It is not known whether it was taken. Run the same command again with ' +
        `--idempotency-key ${[...keys].join()}: it is then taken only once.\n`,
    )
  })

  test('silence, with 3', async () => {
    const ran = await sluice(['submit', '-', '--url', 'http://127.0.0.1:1'], { input: '[]' })
    expect(ran).toEqual({
      code: 3,
      stdout: '',
      stderr:
        'error: Nothing answers at http://127.0.0.1:1. Start Sluice there, or give another address.\n',
    })
  })
})
