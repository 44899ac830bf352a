import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { gunzipSync, zstdCompressSync } from 'node:zlib'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { Deadline } from '../../src/client/deadline.ts'
import { type Mapping, type MappingSource, Sluice } from '../../src/client/index.ts'
import { Upload } from '../../src/client/upload.ts'
import { FakeSluice, problem } from './fake.ts'

const MAPPINGS: readonly Mapping[] = [
  { id: 'a', source: 'shop', target: 'crm', data: { name: 'ü' } },
  { id: 'b', source: 'shop', target: 'crm' },
]
const LINES = MAPPINGS.map((mapping) => `${JSON.stringify(mapping)}\n`).join('')

async function* each<Item>(items: Iterable<Item>): AsyncGenerator<Item> {
  yield* items
}

/** Mappings without end, and whether anybody still wants one. */
function endless() {
  const source = { made: 0, isClosed: false, mappings: make() }
  function* make(): Generator<Mapping> {
    try {
      for (;;) yield { id: `m${source.made++}`, source: 'shop', target: 'crm' }
    } finally {
      source.isClosed = true
    }
  }
  return source
}

describe('submitStream', () => {
  test.each<[string, MappingSource]>([
    ['a list', MAPPINGS],
    ['mappings that come by and by', each(MAPPINGS)],
    ['bytes that come by and by', each([Buffer.from(LINES)])],
    ['a stream of bytes', new Blob([LINES]).stream()],
    ['a Blob', new Blob([LINES])],
  ])('sends %s, a mapping a line', async (_, source) => {
    await using fake = await FakeSluice.start()
    const receipt = await new Sluice({ baseUrl: fake.url }).submitStream(source)
    expect(receipt.total_mappings).toBe(2)
    expect(fake.received).toMatchObject([
      { method: 'POST', path: '/ingest', query: {}, body: LINES },
    ])
    expect(fake.received[0]?.headers['content-type']).toBe('application/x-ndjson')
  })

  test('sends a file as Node reads it, whatever is in it', async () => {
    await using fake = await FakeSluice.start()
    fake.answers.push({ status: 202, body: {} })
    const path = fileURLToPath(import.meta.url)
    await new Sluice({ baseUrl: fake.url }).submitStream(createReadStream(path), { format: 'csv' })
    expect(fake.received[0]?.headers['content-type']).toBe('text/csv')
    expect(fake.received[0]?.body).toBe(await readFile(path, 'utf8'))
  })

  test('puts its options in the address', async () => {
    await using fake = await FakeSluice.start()
    const sluice = new Sluice({ baseUrl: fake.url })
    await sluice.submitStream(MAPPINGS, {
      priority: 'LOW',
      batchSize: 7,
      metadata: { run: 'nightly' },
      callbackUrl: 'https://example.com/done',
      retryOf: 'request-0',
      notBefore: '2026-01-31T09:30:00Z',
      expiresIn: '2h',
      onInvalid: 'skip',
      idempotencyKey: 'nightly-2026-01-31',
    })
    const [received] = fake.received
    expect(received?.query).toEqual({
      priority: 'LOW',
      batch_size: '7',
      metadata: '{"run":"nightly"}',
      callback_url: 'https://example.com/done',
      retry_of: 'request-0',
      not_before: '2026-01-31T09:30:00Z',
      expires_in: '2h',
      on_invalid: 'skip',
    })
    expect(received?.headers['idempotency-key']).toBe('nightly-2026-01-31')
  })

  test('tells how many bytes have been taken to be sent', async () => {
    await using fake = await FakeSluice.start()
    const told: number[] = []
    const onProgress = (bytes: number) => told.push(bytes)
    const bytes = each([Buffer.from(LINES), Buffer.from(LINES)])
    await new Sluice({ baseUrl: fake.url }).submitStream(bytes, { onProgress })
    const { length } = Buffer.from(LINES)
    expect(told).toEqual([length, 2 * length])
  })

  test('compresses on the way, or says that it was compressed before', async () => {
    await using fake = await FakeSluice.start()
    const sluice = new Sluice({ baseUrl: fake.url })
    await sluice.submitStream(MAPPINGS, { gzip: true })
    await sluice.submitStream(new Blob([zstdCompressSync(LINES)]), { encoding: 'zstd' })
    const [first, second] = fake.received
    expect(first?.headers['content-encoding']).toBe('gzip')
    expect(String(gunzipSync(first?.bytes ?? ''))).toBe(LINES)
    expect(second?.headers['content-encoding']).toBe('zstd')
    await expect(sluice.submitStream(MAPPINGS, { gzip: true, encoding: 'gzip' })).rejects.toThrow(
      'gzip compresses what is not compressed yet',
    )
  })

  test('is told that it is wrong while it still sends, and then makes no more', async () => {
    await using fake = await FakeSluice.start()
    const refusal = problem(400, 'validation-failed', 'Line 3 is not a mapping.')
    fake.answers.push({ early: refusal })
    const source = endless()
    const submitting = new Sluice({ baseUrl: fake.url }).submitStream(source.mappings)
    await expect(submitting).rejects.toMatchObject({ name: 'SluiceError', status: 400 })
    await vi.waitFor(() => expect(source.isClosed).toBe(true))
  })

  test('ends with its signal, and lets go of its source', async () => {
    await using fake = await FakeSluice.start()
    const source = endless()
    const interruption = new AbortController()
    const submitting = new Sluice({ baseUrl: fake.url }).submitStream(source.mappings, {
      signal: interruption.signal,
      onProgress: (bytes) => bytes > 1_000_000 && interruption.abort(new Error('enough')),
    })
    await expect(submitting).rejects.toThrow('enough')
    await vi.waitFor(() => expect(source.isClosed).toBe(true))
  })

  test('passes on what its source throws, and Sluice gets no whole body', async () => {
    await using fake = await FakeSluice.start()
    async function* failing(): AsyncGenerator<Mapping> {
      yield* MAPPINGS
      throw new RangeError('the database is gone')
    }
    const submitting = new Sluice({ baseUrl: fake.url }).submitStream(failing())
    await expect(submitting).rejects.toThrow(new RangeError('the database is gone'))
    expect(fake.received).toEqual([])
  })
})

describe('submitStream, when the first try fails,', () => {
  const away = problem(503, 'draining', 'Stopping.', { headers: { 'retry-after': '0' } })

  test('sends a Blob again, under the same key', async () => {
    await using fake = await FakeSluice.start()
    fake.answers.push(away)
    await new Sluice({ baseUrl: fake.url }).submitStream(new Blob([LINES]))
    const [first, second] = fake.received
    expect([first?.body, second?.body]).toEqual([LINES, LINES])
    expect(first?.headers['idempotency-key']).toMatch(/^[\da-f]{32}$/)
    expect(second?.headers['idempotency-key']).toBe(first?.headers['idempotency-key'])
  })

  test('cannot send again what has been read, so it is sent once and under no key', async () => {
    await using fake = await FakeSluice.start()
    fake.answers.push(away)
    const submitting = new Sluice({ baseUrl: fake.url }).submitStream(each(MAPPINGS))
    await expect(submitting).rejects.toMatchObject({ status: 503 })
    expect(fake.received).toHaveLength(1)
    expect(fake.received[0]?.headers).not.toHaveProperty('idempotency-key')
  })
})

/** The client as a browser has it, which does not tell how far it is with a body. */
async function inBrowser(): Promise<typeof import('../../src/client/index.ts')> {
  vi.stubGlobal('navigator', { userAgent: 'Mozilla/5.0' })
  vi.resetModules()
  return import('../../src/client/index.ts')
}

describe('submitStream in a browser', () => {
  afterEach(() => {
    vi.unstubAllGlobals()
    vi.useRealTimers()
  })

  test.each<[string, () => MappingSource]>([
    ['a file', () => new Blob([LINES])],
    ['what is gathered first', () => each(MAPPINGS)],
  ])('takes any time to send %s, and tells how much it is', async (_, source) => {
    const client = await inBrowser()
    vi.useFakeTimers()
    const sent = Promise.withResolvers<Response>()
    const begun = Promise.withResolvers<AbortSignal | null | undefined>()
    const slow: typeof fetch = (_, init) => {
      begun.resolve(init?.signal)
      return sent.promise
    }
    const told: number[] = []
    const sluice = new client.Sluice({ fetch: slow, timeoutMs: 1000 })
    const onProgress = (bytes: number) => told.push(bytes)
    const submitting = sluice.submitStream(source(), { onProgress })
    const signal = await begun.promise
    await vi.advanceTimersByTimeAsync(60_000)
    expect(signal?.aborted).toBe(false)
    expect(told).toEqual([Buffer.byteLength(LINES)])
    sent.resolve(Response.json({ total_mappings: 2 }, { status: 202 }))
    expect(await submitting).toEqual({ total_mappings: 2 })
  })
})

describe('an upload', () => {
  afterEach(() => void vi.useRealTimers())

  function read(upload: Upload, deadline: Deadline): ReadableStreamDefaultReader<Uint8Array> {
    const body = upload.body(deadline, false)
    if (!(body instanceof ReadableStream)) throw new Error('not a stream')
    return body.getReader()
  }

  test('reads its source no further than it is sent', async () => {
    const source = endless()
    const reader = read(new Upload(source.mappings), new Deadline(1000))
    const { value } = await reader.read()
    const sent = new TextDecoder().decode(value).split('\n').length - 1
    expect(sent).toBeGreaterThan(1)
    expect(source.made).toBe(sent)
  })

  test('has all the time it wants to be made, and Sluice only so much to take it', async () => {
    vi.useFakeTimers()
    const deadline = new Deadline(1000)
    const { promise, resolve } = Promise.withResolvers<void>()
    async function* slow() {
      await promise
      yield* MAPPINGS
    }
    deadline.start()
    const reading = read(new Upload(slow()), deadline).read()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(deadline.signal.aborted).toBe(false)
    resolve()
    await reading
    await vi.advanceTimersByTimeAsync(1000)
    expect(deadline.signal.aborted).toBe(true)
  })

  test('that is over leaves no timer behind, though its source is still being read', async () => {
    vi.useFakeTimers()
    const deadline = new Deadline(1000)
    const { promise, resolve } = Promise.withResolvers<void>()
    async function* slow() {
      await promise
      yield* MAPPINGS
    }
    const reading = read(new Upload(slow()), deadline).read()
    deadline.end()
    resolve()
    await reading
    expect(vi.getTimerCount()).toBe(0)
  })
})
