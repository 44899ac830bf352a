/** `GET /status/{id}/results` as one text, over real sockets. */
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { parse } from 'csv-parse/sync'
import { describe, expect, test } from 'vitest'
import { addFailure, type FailureRun } from '../../src/core/failures.ts'
import { restore } from '../../src/core/formula.ts'
import { pack } from '../../src/core/packed.ts'
import type { Standing } from '../../src/core/verdict.ts'
import type { Store } from '../../src/store/store.ts'
import { claimed, inserted, join } from '../contract/steps.ts'
import { eventually } from '../support/eventually.ts'
import { newBatch } from '../support/requests.ts'
import { open } from './connection.ts'
import { type Changes, openServer } from './server.ts'

const NDJSON = 'application/x-ndjson'
const CSV = 'text/csv'

const COMPLETED: Standing = ['completed', 1, 2000, 48, { ok: true }]
const FAILED: Standing = [
  ...(['failed', 5, 2000, 48] as const),
  { code: 'target_rejected', message: 'It said no.', stage: 'write', httpStatus: 422 },
]

interface Sent {
  readonly id: string
  readonly source: string
  readonly target: string
  readonly transformation?: object
  readonly data?: unknown
}

function sent(count: number, changes: (place: number) => object = () => ({})): readonly Sent[] {
  return Array.from({ length: count }, (_, place) => ({
    ...{ id: `map_${place}`, source: 'source', target: 'crm' },
    ...changes(place),
  }))
}

/** A server with one request of these mappings, in batches of five. */
async function serverOf(mappings: readonly Sent[], changes: Changes = {}) {
  const { server, store, events } = await openServer(changes)
  const batches = Array.from({ length: Math.ceil(mappings.length / 5) }, (_, place) => {
    const some = mappings.slice(5 * place, 5 * place + 5)
    const ordinals = some.map((_, position) => 5 * place + position)
    return newBatch(ordinals, { mappings: pack(some as Parameters<typeof pack>[0]) })
  })
  const { id } = await inserted(store, { batches })
  const url = `${await server.listen()}/status/${id}/results`
  return { server, store, events, id, url }
}

/** Settles every mapping that is open, or so many, as `standingOf` says, by its ordinal. */
async function settleAll(
  store: Store,
  standingOf: (ordinal: number) => Standing,
  mappings = 1_000_000,
) {
  await join(store)
  const settlements = (await claimed(store, { mappings })).map(({ id, token, ordinals }) => {
    const standings = Array.from({ length: ordinals.count }, (_, position) =>
      standingOf(ordinals.first + position),
    )
    const count = (state: string) => standings.filter(([status]) => status === state).length
    const failures: FailureRun[] = []
    for (const standing of standings) {
      if (standing[0] === 'failed') addFailure(failures, 'map_1', standing[4])
    }
    return {
      ...{ batch: id, token, verdicts: JSON.stringify(standings) },
      ...{ completed: count('completed'), failed: count('failed'), cancelled: 0 },
      ...{ failures, next: { state: 'done' } as const, callback: false },
    }
  })
  await store.settle(settlements, 2000)
}

const everyThirdFails = (ordinal: number) => (ordinal % 3 === 0 ? FAILED : COMPLETED)

async function get(url: string, accept: string) {
  const answer = await fetch(url, { headers: { accept } })
  return { status: answer.status, headers: answer.headers, text: await answer.text() }
}

async function lines(url: string): Promise<readonly Record<string, unknown>[]> {
  const { text } = await get(url, NDJSON)
  return text
    .trimEnd()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
}

async function pageOf(url: string): Promise<{ results: unknown[]; next_cursor: string | null }> {
  return JSON.parse((await get(url, 'application/json')).text)
}

/** A download that is read by hand. */
async function begin(url: string): Promise<IncomingMessage> {
  const call = request(url, { headers: { accept: NDJSON }, agent: false })
  call.end()
  const [answer] = await once(call, 'response')
  return answer
}

describe('results as NDJSON', () => {
  test('are the same as in pages, all of them, one a line', async () => {
    const { store, url } = await serverOf(sent(1234))
    await settleAll(store, everyThirdFails)
    const page = await pageOf(`${url}?limit=10000`)
    expect(await lines(url)).toEqual(page.results)
    const { status, headers } = await get(url, NDJSON)
    expect(status).toBe(200)
    expect(Object.fromEntries(headers)).toMatchObject({
      'content-type': NDJSON,
      'content-disposition': 'attachment; filename="results.ndjson"',
      'x-content-type-options': 'nosniff',
      vary: 'accept',
    })
  })

  test.each(['application/ndjson', 'application/jsonl'])('are %s to whom asks so', async (type) => {
    const { url } = await serverOf(sent(1))
    const { headers, text } = await get(url, `${type}, application/json;q=0.5`)
    expect(headers.get('content-type')).toBe(type)
    expect(text).toMatch(/^\{.*\}\n$/)
  })

  test('hold only those of the asked status, and what is known now while the work runs', async () => {
    const { store, url } = await serverOf(sent(30))
    expect(await lines(`${url}?status=pending`)).toHaveLength(30)
    expect(await lines(`${url}?status=completed`)).toEqual([])
    await settleAll(store, everyThirdFails)
    const completed = await lines(`${url}?status=completed`)
    expect(completed).toHaveLength(20)
    for (const { status } of completed) expect(status).toBe('completed')
    expect(await lines(`${url}?status=pending`)).toEqual([])
  })

  test('begin at a cursor, and end at a limit', async () => {
    const { url } = await serverOf(sent(100))
    const { next_cursor: cursor } = await pageOf(`${url}?limit=37`)
    const ids = (await lines(`${url}?cursor=${cursor}&limit=50`)).map(({ id }) => id)
    expect(ids).toEqual(Array.from({ length: 50 }, (_, place) => `map_${37 + place}`))
    expect(await lines(`${url}?cursor=${cursor}`)).toHaveLength(63)
    expect(await lines(`${url}?limit=1000000000`)).toHaveLength(100)
    expect((await get(`${url}?cursor=x`, NDJSON)).status).toBe(400)
  })

  test('of those that failed, are the mappings as they came, with an error', async () => {
    const mappings = sent(6, (place) => ({
      ...(place === 0 && { transformation: { a: ['{% record.a %}', 1.5] } }),
      ...(place === 3 && { data: { deep: [{ x: null }], empty: '' } }),
    }))
    const { store, url } = await serverOf(mappings)
    await settleAll(store, everyThirdFails)
    const failed = await lines(`${url}?status=failed`)
    const error = {
      ...{ code: 'target_rejected', message: 'It said no.', stage: 'write' },
      ...{ http_status: 422, attempts: 5 },
    }
    expect(failed).toEqual([
      { ...mappings[0], error },
      { ...mappings[3], error },
    ])
  })
})

describe('results as CSV', () => {
  test('have a column for everything', async () => {
    const { store, url } = await serverOf(sent(4, (place) => ({ id: `a "${place}",\nb` })))
    await settleAll(store, everyThirdFails)
    const { headers, text } = await get(url, CSV)
    expect(Object.fromEntries(headers)).toMatchObject({
      'content-type': 'text/csv; charset=utf-8; header=present',
      'content-disposition': 'attachment; filename="results.csv"',
      'x-content-type-options': 'nosniff',
    })
    const rows: Record<string, string>[] = parse(text, { columns: true })
    const common = { source: 'source', target: 'crm', finished_at: '1970-01-01T00:00:02.000Z' }
    expect(rows).toHaveLength(4)
    expect(rows[0]).toEqual({
      ...{ id: 'a "0",\nb', ...common, status: 'failed', attempts: '5', result: '' },
      ...{ error_code: 'target_rejected', error_message: 'It said no.', http_status: '422' },
      duration_ms: '48',
    })
    expect(rows[1]).toEqual({
      ...{ id: 'a "1",\nb', ...common, status: 'completed', attempts: '1', result: '{"ok":true}' },
      ...{ error_code: '', error_message: '', http_status: '', duration_ms: '48' },
    })
    expect(text.split('\r\n')).toHaveLength(6)
  })

  test('hold nothing that a spreadsheet would run', async () => {
    const ids = ['=1+1', '+1', '-1', '@x', '\t=1', '\r=1', "'=1", '＝1', 'plain']
    const { store, url } = await serverOf(sent(ids.length, (place) => ({ id: ids[place] })))
    await settleAll(store, () => ['completed', 1, 2000, 48, -1])
    const rows: Record<string, string>[] = parse((await get(url, CSV)).text, { columns: true })
    for (const cell of rows.flatMap((row) => Object.values(row))) {
      expect(cell).not.toMatch(/^[=+\-@\t\r＝]/)
    }
    expect(rows.map(({ id }) => restore(id ?? ''))).toEqual(ids)
    expect(rows[0]?.['result']).toBe("'-1")
  })

  /** What comes back of mappings that all fail, in the form in which it went in. */
  async function failedOf(mappings: readonly Sent[]) {
    const { store, url } = await serverOf(mappings)
    await settleAll(store, () => FAILED)
    const { text } = await get(`${url}?status=failed`, CSV)
    const [head = [], ...rows]: string[][] = parse(text)
    return { head: head.map(restore), rows: rows.map((row) => row.map(restore)) }
  }

  const WHY = 'target_rejected: It said no.'

  test('of those that failed, have the columns in which they came, and an error', async () => {
    const mappings = sent(2, (place) => ({
      data: { email: `=x${place}`, '-note': '', "'": "'+'" },
    }))
    expect(await failedOf(mappings)).toEqual({
      head: ['id', 'source', 'target', 'email', '-note', "'", 'error'],
      rows: [
        ['map_0', 'source', 'crm', '=x0', '', "'+'", WHY],
        ['map_1', 'source', 'crm', '=x1', '', "'+'", WHY],
      ],
    })
  })

  test('of those that failed, have the same columns whatever the order of their fields', async () => {
    const mappings = sent(2, (place) => ({
      data: place === 0 ? { a: '1', b: '2' } : { b: '4', a: '3' },
    }))
    expect(await failedOf(mappings)).toEqual({
      head: ['id', 'source', 'target', 'a', 'b', 'error'],
      rows: [
        ['map_0', 'source', 'crm', '1', '2', WHY],
        ['map_1', 'source', 'crm', '3', '4', WHY],
      ],
    })
  })

  test('of those that failed, have their transformations in JSON', async () => {
    const transformation = { a: '{% record.a %}' }
    expect(await failedOf(sent(2, (place) => (place === 0 ? {} : { transformation })))).toEqual({
      head: ['id', 'source', 'target', 'transformation', 'error'],
      rows: [
        ['map_0', 'source', 'crm', '', WHY],
        ['map_1', 'source', 'crm', JSON.stringify(transformation), WHY],
      ],
    })
  })

  test.each([
    ['a number', [{ a: 1 }, { a: '1' }]],
    ['nested', [{ a: { b: '' } }, { a: '' }]],
    ['no object', [['a'], 'b']],
    ['null', [null, { a: '' }]],
    ['of different fields', [{ a: '' }, { a: '', b: '' }]],
    ['there for some only', [{ a: '' }, undefined]],
    ['called like another column', [{ id: 'x' }, { id: 'y' }]],
    ['empty', [{}, {}]],
    ['too wide', [Object.fromEntries(Array.from({ length: 901 }, (_, n) => [`f${n}`, '']))]],
  ])('of those that failed, have records in JSON that are %s', async (_, records) => {
    const mappings = sent(records.length, (place) => {
      return records[place] === undefined ? {} : { data: records[place] }
    })
    expect(await failedOf(mappings)).toEqual({
      head: ['id', 'source', 'target', 'data', 'error'],
      rows: records.map((record, place) => {
        return [`map_${place}`, 'source', 'crm', JSON.stringify(record) ?? '', WHY]
      }),
    })
  })

  test('of those that failed, fit in though others fail while it is read', async () => {
    const mappings = sent(10, (place) => ({ data: { a: place < 5 ? 'text' : place } }))
    let onRead = async () => {}
    const { store, url } = await serverOf(mappings, {
      wrap: (real) => ({
        ...real,
        async batches(...parameters) {
          const some = await real.batches(...parameters)
          await onRead()
          return some
        },
      }),
    })
    await settleAll(store, () => FAILED, 5)
    onRead = async () => {
      onRead = async () => {}
      await settleAll(store, () => FAILED)
    }
    const rows: string[][] = parse((await get(`${url}?status=failed`, CSV)).text)
    expect(rows.map((row) => row[3])).toEqual([
      'data',
      ...mappings.map(({ data }) => JSON.stringify(data)),
    ])
  })

  test('are a head alone where there are none', async () => {
    const { url } = await serverOf(sent(1))
    expect((await get(`${url}?status=failed`, CSV)).text).toBe('id,source,target,error\r\n')
    expect((await get(`${url}?status=completed`, CSV)).text).toMatch(/^id,source,target,[^\n]+\n$/)
  })
})

describe('a download', () => {
  const COUNT = 500

  /** All failed, and each brought along so much that one answer of the store holds a single batch. */
  async function largeOf(changes: Changes = {}) {
    const mappings = sent(COUNT, () => ({ data: 'x'.repeat(200_000) }))
    const { store, events, url } = await serverOf(mappings, changes)
    await settleAll(store, () => FAILED)
    return { events, url: `${url}?status=failed` }
  }

  /** The store, as long as its disk is there. */
  function failingOnItsWay(store: Store): Store {
    let reads = 0
    return {
      ...store,
      batches(...parameters) {
        reads += 1
        if (reads === 20) throw new Error('the disk is gone')
        return store.batches(...parameters)
      },
    }
  }

  test('that fails on its way is cut, so that nobody takes it for all', async () => {
    const { events, url } = await largeOf({ wrap: failingOnItsWay })
    const answer = await begin(url)
    await expect(text(answer)).rejects.toThrow('aborted')
    expect(answer.complete).toBe(false)
    const error = new Error('the disk is gone')
    expect(events).toContainEqual(expect.objectContaining({ event: 'download_cut', error }))
  })

  test('that fails on its way is cut for HTTP/1.0 as well, where the end is the close alone', async () => {
    const { url } = await largeOf({ wrap: failingOnItsWay })
    const { pathname, search } = new URL(url)
    const { socket } = await open(
      url,
      `GET ${pathname}${search} HTTP/1.0\r\nAccept: ${NDJSON}\r\n\r\n`,
    )
    const wasReset = await new Promise((resolve) => socket.once('close', resolve))
    expect(wasReset).toBe(true)
  })

  test('that cannot begin says why', async () => {
    const { url } = await serverOf(sent(5), {
      wrap: (store) => ({
        ...store,
        async batches() {
          throw Object.assign(new Error('away'), { name: 'StoreUnavailable' })
        },
      }),
    })
    const { status, headers, text } = await get(url, NDJSON)
    expect(status).toBe(503)
    expect(JSON.parse(text)).toMatchObject({ type: '/problems/storage-unavailable' })
    expect(headers.get('content-type')).toMatch(/^application\/problem\+json/)
    expect(headers.get('content-disposition')).toBeNull()
  })

  test('of a request that is deleted meanwhile is cut', async () => {
    let isThere = true
    const { url } = await largeOf({
      wrap: (store) => ({
        ...store,
        request: async (tenant, id) => (isThere ? store.request(tenant, id) : null),
        async batches(...parameters) {
          const some = await store.batches(...parameters)
          return isThere ? some : { batches: [], next: parameters[2].to }
        },
      }),
    })
    const answer = await begin(url)
    isThere = false
    await expect(text(answer)).rejects.toThrow('aborted')
  })

  test.each([NDJSON, CSV, 'application/json'])(
    'of a request that is deleted before anything of it is read is a 404: %s',
    async (accept) => {
      let isThere = true
      const { url, events } = await serverOf(sent(5), {
        wrap: (store) => ({
          ...store,
          request: async (tenant, id) => (isThere ? store.request(tenant, id) : null),
          async batches(...[, , { to }]) {
            isThere = false
            return { batches: [], next: to }
          },
        }),
      })
      const { status, headers, text } = await get(url, accept)
      expect({ status, ...JSON.parse(text) }).toMatchObject({
        status: 404,
        type: '/problems/not-found',
      })
      expect(headers.get('content-disposition')).toBeNull()
      expect(events.filter(({ event }) => event === 'http_failed')).toEqual([])
    },
  )

  test('waits for a reader that waits, and goes on with him', async () => {
    let reads = 0
    const { url } = await largeOf({
      wrap: (store) => ({
        ...store,
        batches(...parameters) {
          reads += 1
          return store.batches(...parameters)
        },
      }),
    })
    const answer = await begin(url)
    let before = -1
    await eventually(() => {
      const isStill = reads === before
      before = reads
      expect(isStill).toBe(true)
    })
    // A hundred megabytes are to be read; some lie in the sockets.
    expect(reads).toBeLessThan(40)
    expect((await text(answer)).split('\n')).toHaveLength(COUNT + 1)
    expect(answer.complete).toBe(true)
    expect(reads).toBeGreaterThanOrEqual(100)
  })

  test('ends when its reader leaves, and makes room for another', async () => {
    const { url } = await largeOf({
      limits: { maxDownloads: 1 },
    })
    const answer = await begin(url)
    const refused = await get(url, NDJSON)
    expect(refused.status).toBe(503)
    expect(JSON.parse(refused.text)).toMatchObject({ type: '/problems/overloaded' })
    expect(refused.headers.get('retry-after')).toBe('5')
    answer.destroy()
    await eventually(async () => expect((await get(url, NDJSON)).status).toBe(200))
  })

  test('ends when its reader leaves before it has begun', async () => {
    const asked = Promise.withResolvers<void>()
    const gate = Promise.withResolvers<void>()
    const { url } = await largeOf({
      limits: { maxDownloads: 1 },
      wrap: (store) => ({
        ...store,
        async batches(...parameters) {
          asked.resolve()
          await gate.promise
          return store.batches(...parameters)
        },
      }),
    })
    const hasty = new AbortController()
    const call = fetch(url, { headers: { accept: NDJSON }, signal: hasty.signal })
    await asked.promise
    hasty.abort()
    await expect(call).rejects.toThrow()
    gate.resolve()
    await eventually(async () => expect((await begin(url)).statusCode).toBe(200))
  })

  test('is not made for a HEAD', async () => {
    const { url } = await serverOf(sent(5), {
      download: () => {
        throw new Error('nobody reads it')
      },
    })
    const answer = await fetch(url, { method: 'HEAD', headers: { accept: CSV } })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toBe('text/csv; charset=utf-8; header=present')
    expect(answer.headers.get('content-length')).toBeNull()
  })
})
