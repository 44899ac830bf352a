/**
 * Uploads that break off: the real service, or the real client, is killed at a random point of one, again
 * and again on one data directory. Nothing is half there, and the disk does not fill up with what was sent.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { json } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { Sluice } from '../../src/client/index.ts'
import { seededRandom } from '../../src/lib/random.ts'
import { eventually } from '../support/eventually.ts'
import { type Service, startService, temporaryDirectory, writeSystems } from '../support/process.ts'

const KILLS = 20
const MAPPINGS = 30_000
/** The client tells of each chunk, and of the answer. */
const STEPS = MAPPINGS / 500 + 1

/** What an upload takes on the disk, at most; and what the file keeps for what comes. */
const UPLOAD_BYTES = 8_000_000
const KEPT_BYTES = 20_000_000

/** A sweep comes every 20 s. */
const SWEPT_WITHIN_MS = 40_000

/** Nothing of it ends while this lasts. */
const SYSTEMS = { shop: { kind: 'simulated', latency: '10m', concurrency: 1 } }

test(`${KILLS} uploads that are killed leave nothing half there, and no room taken`, async () => {
  const seed = Number(process.env['FAULT_SEED'] ?? randomInt(2 ** 31))
  console.log(`uploads are killed with FAULT_SEED=${seed}`)
  const random = seededRandom(seed)
  const directory = await temporaryDirectory()
  await writeSystems(directory, SYSTEMS)
  const keys: string[] = []
  let service = startService({ directory })
  let url = await service.started()

  const large = startUpload(url, 'large', 10 * MAPPINGS)
  await large.stepped(9 * STEPS)
  large.kill()
  expect(sizeOf(directory)).toBeGreaterThan(1.5 * KEPT_BYTES)

  for (let kill = 0; kill < KILLS; kill++) {
    const whole = await requestsOf(url)
    const key = `upload-${kill}`
    keys.push(key)
    const upload = startUpload(url, key)
    await upload.stepped(Math.floor(random() * STEPS))
    if (random() < 0.5) {
      service.kill('SIGKILL')
      await Promise.all([service.ended, upload.ended])
      expect(service.lines.filter(tellsOfABug)).toEqual([])
      service = startService({ directory })
      url = await service.started()
    } else {
      upload.kill()
      await upload.ended
    }
    const now = await requestsOf(url)
    expect(now.filter((id) => whole.includes(id))).toEqual(whole)
    expect(now.length - whole.length).toBeLessThanOrEqual(1)
  }

  const before = await requestsOf(url)
  await nothingIsReceived(directory)
  expect(mappingsIn(directory)).toBe(before.length * MAPPINGS)
  const bound = before.length * UPLOAD_BYTES + KEPT_BYTES
  await eventually(() => expect(sizeOf(directory)).toBeLessThan(bound))

  // Every key is free, or stands for all that was sent with it.
  for (const key of keys) {
    const again = startUpload(url, key)
    expect(await again.ended).toBe('answered 202')
  }
  const requests = await requestsOf(url)
  expect(requests).toHaveLength(KILLS)
  expect(requests.filter((id) => before.includes(id))).toEqual(before)
  const client = new Sluice({ baseUrl: url })
  for (const id of requests) expect((await client.status(id)).total_mappings).toBe(MAPPINGS)
  expect(mappingsIn(directory)).toBe(KILLS * MAPPINGS)
  expect(service.lines.filter(tellsOfABug)).toEqual([])
}, 300_000)

test('a service that is told to stop ends uploads, tells their clients, and keeps nothing of them', async () => {
  const directory = await temporaryDirectory()
  await writeSystems(directory, SYSTEMS)
  const service = startService({ directory })
  const url = await service.started()
  const headers = { 'content-type': 'application/x-ndjson', 'idempotency-key': 'k' }
  const upload = httpRequest(`${url}/ingest`, { method: 'POST', headers })
  const answered = once(upload, 'response')
  const line = (id: number) => `{"id":"m${id}","source":"shop","target":"shop"}\n`
  upload.write(Array.from({ length: MAPPINGS }, (_, id) => line(id)).join(''))
  await eventually(() => expect(countIn(directory, RECEIVING)).toBe(1))

  service.kill('SIGTERM')
  const [answer] = await answered
  expect(answer.statusCode).toBe(503)
  expect(await json(answer)).toMatchObject({ type: '/problems/draining' })
  upload.destroy()
  expect(await service.ended).toEqual({ code: 0, stderr: '' })

  const again = await startService({ directory }).started()
  await nothingIsReceived(directory)
  expect(await requestsOf(again)).toEqual([])
  const retried = await fetch(`${again}/ingest`, { method: 'POST', headers, body: line(0) })
  expect(retried.status).toBe(202)
  expect(retried.headers.has('idempotency-replayed')).toBe(false)
}, 60_000)

interface Upload {
  /** Resolves when the client has told of so many steps, or has ended. */
  stepped(steps: number): Promise<void>
  /** Resolves with the last that it told. */
  readonly ended: Promise<string>
  kill(): void
}

/** Starts a client; it is killed, if it still runs, when the test is over. */
function startUpload(url: string, key: string, mappings = MAPPINGS): Upload {
  const script = fileURLToPath(new URL('./uploader.ts', import.meta.url))
  const args = [script, url, key, String(mappings)]
  const child: ChildProcess & { stdout: NodeJS.ReadableStream } = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const lines = createInterface(child.stdout)
  let steps = 0
  let last = ''
  const waiting: { steps: number; resolve: () => void }[] = []
  const wake = (reached: number) => {
    for (const each of waiting) if (each.steps <= reached) each.resolve()
  }
  lines.on('line', (line) => {
    steps += 1
    last = line
    wake(steps)
  })
  const ended = Promise.all([once(child, 'close'), once(lines, 'close')]).then(() => {
    wake(Number.POSITIVE_INFINITY)
    return last
  })
  return {
    stepped(wanted) {
      if (steps >= wanted) return Promise.resolve()
      return new Promise((resolve) => waiting.push({ steps: wanted, resolve }))
    },
    ended,
    kill: () => child.kill('SIGKILL'),
  }
}

/** Waits until all that was given up is cleared away. */
async function nothingIsReceived(directory: string): Promise<void> {
  await eventually(() => expect(countIn(directory, RECEIVING)).toBe(0), SWEPT_WITHIN_MS)
}

const RECEIVING = `SELECT count(*) AS n FROM requests WHERE state = 'receiving'`

async function requestsOf(url: string): Promise<readonly string[]> {
  const ids: string[] = []
  const client = new Sluice({ baseUrl: url })
  for await (const { request_id } of client.requests()) ids.push(request_id)
  return ids.sort()
}

function mappingsIn(directory: string): number {
  return countIn(directory, 'SELECT coalesce(sum(count), 0) AS n FROM batches')
}

function countIn(directory: string, sql: string): number {
  const database = new DatabaseSync(join(directory, 'data', 'sluice.db'), { readOnly: true })
  try {
    return Number(database.prepare(sql).get()?.['n'])
  } finally {
    database.close()
  }
}

/** Of the file, as it is when the log beside it has been brought in. */
function sizeOf(directory: string): number {
  const size = 'SELECT page_count * page_size AS n FROM pragma_page_count, pragma_page_size'
  return countIn(directory, size)
}

function tellsOfABug({ msg }: Service['lines'][number]): boolean {
  return ['request_repaired', 'http_failed', 'worker_lost', 'settlement_refused'].includes(msg)
}
