/** The thread that writes results, on a store with threads of its own. */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import { expect, onTestFinished, test } from 'vitest'
import { openDownloads } from '../../src/downloads.ts'
import { type DownloadOrder, download } from '../../src/http/results/download.ts'
import type { StoreAccess } from '../../src/storage.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import { newRequest, TENANT } from '../support/requests.ts'

const TOTAL = 20_000

async function opened() {
  const dataDir = mkdtempSync(join(tmpdir(), 'sluice-test-'))
  const store = await openSqliteStore({ dataDir })
  const request = newRequest({ total: TOTAL })
  await store.insert(request)
  const shared: unknown[] = []
  const downloads = openDownloads(() => {
    const access = { kind: 'sqlite', ports: store.share() } as const
    shared.push(access)
    return access
  })
  onTestFinished(async () => {
    await downloads.close()
    await store.close()
    rmSync(dataDir, { recursive: true })
  })
  const order: DownloadOrder = {
    tenant: TENANT,
    request: { id: request.id, total: TOTAL },
    from: 0,
    state: null,
    form: 'ndjson',
    isFinal: false,
    limit: null,
  }
  return { store, downloads, order, threads: () => shared.length }
}

async function all(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const piece of pieces) chunks.push(piece)
  return Buffer.concat(chunks).toString()
}

test('many downloads at once are each as if it were alone, in one thread', async () => {
  const { store, downloads, order, threads } = await opened()
  expect(threads()).toBe(0)
  const alone = await all(download(store, order))
  expect(alone.split('\n')).toHaveLength(TOTAL + 1)
  const texts = await Promise.all(Array.from({ length: 5 }, () => all(downloads.download(order))))
  for (const text of texts) expect(text).toBe(alone)
  expect(threads()).toBe(1)
})

test('a download that is left is over, and the others go on', async () => {
  const { downloads, order } = await opened()
  const [left, read] = [downloads.download(order), downloads.download(order)]
  await left.next()
  await left.return()
  expect((await all(read)).split('\n')).toHaveLength(TOTAL + 1)
})

test('what goes wrong in the thread is told to its download alone', async () => {
  const { downloads, order } = await opened()
  const elsewhere = { ...order, tenant: 'another' }
  await expect(all(downloads.download(elsewhere))).rejects.toMatchObject({
    name: 'RequestDeleted',
  })
  expect((await all(downloads.download(order))).split('\n')).toHaveLength(TOTAL + 1)
})

test('a thread that dies takes its downloads along, and the next one has another', async () => {
  const { store, order } = await opened()
  // Nobody can open a store by this: the thread dies of it before it has looked at anything.
  const unusable: StoreAccess = { kind: 'postgres', connections: JSON.parse('null') }
  const accesses: StoreAccess[] = [unusable, { kind: 'sqlite', ports: store.share() }]
  const downloads = openDownloads(() => accesses.shift() ?? unusable)
  await expect(all(downloads.download(order))).rejects.toThrow('has ended')
  expect((await all(downloads.download(order))).split('\n')).toHaveLength(TOTAL + 1)
  await downloads.close()
})

test('a thread that dies while a reader makes a pause takes that download along, too', async () => {
  const { downloads, order } = await opened()
  const started = once(process, 'worker')
  const pieces = downloads.download(order)
  await pieces.next()
  const [thread]: Worker[] = await started
  await thread?.terminate()
  await expect(pieces.next()).rejects.toThrow('has ended')
  expect((await all(downloads.download(order))).split('\n')).toHaveLength(TOTAL + 1)
})
