/** What is particular to the embedded store; what every store promises is in test/contract. */
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { REST_CODE } from '../../src/core/failures.ts'
import { openWriter } from '../../src/store/sqlite/database.ts'
import { listOperations } from '../../src/store/sqlite/list.ts'
import { openMemoryStore } from '../../src/store/sqlite/memory.ts'
import { migrate } from '../../src/store/sqlite/migrate.ts'
import { openSqliteStore, type SqliteStore } from '../../src/store/sqlite/store.ts'
import { closedAll } from '../contract/cancel.ts'
import {
  allBatches,
  claimed,
  claimedOne,
  cleared,
  DAY,
  inserted,
  join as joined,
  opened,
  received,
  staged,
  swept,
  three,
} from '../contract/steps.ts'
import { temporaryDirectory } from '../support/process.ts'
import {
  done,
  LANE,
  NOW,
  newBatch,
  newRequest,
  TENANT,
  unfinished,
  wholeOf,
} from '../support/requests.ts'

const FIRST_SCHEMA = new URL(
  '../../src/store/sqlite/migrations/0001_foundation.sql',
  import.meta.url,
)

describe('the file', () => {
  test('is written with FULL durability and a write-ahead log, each time it is opened', async () => {
    const path = join(await temporaryDirectory(), 'sluice.db')
    for (let time = 0; time < 2; time++) {
      const database = openWriter(path)
      expect(database.prepare('PRAGMA synchronous').get()).toEqual({ synchronous: 2 })
      expect(database.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' })
      migrate(database)
      database.close()
    }
  })

  test.each(['3.51.2', '3.50.9', '2.99.99'])(
    'is not opened by SQLite %s, which can corrupt it',
    (version) => {
      pretendVersion(version)
      expect(() => openWriter(':memory:')).toThrow(`SQLite ${version} is too old: 3.51.3 or later`)
    },
  )

  test.each(['3.51.3', '3.52.0', '4.0.0'])('is opened by SQLite %s', (version) => {
    pretendVersion(version)
    openWriter(':memory:').close()
  })

  test('gets its schema when it is new, and keeps it when it is not', () => {
    const database = openWriter(':memory:')
    migrate(database)
    const schema = schemaOf(database)
    expect(schema.map(({ name }) => name)).toContain('requests')
    expect(schema.filter(({ type, sql }) => type === 'table' && !/STRICT/.test(sql))).toEqual([])
    migrate(database)
    expect(schemaOf(database)).toEqual(schema)
    database.close()
  })

  test('of the version before goes on with what was open in it', async () => {
    const dataDir = await temporaryDirectory()
    const database = new DatabaseSync(join(dataDir, 'sluice.db'))
    database.exec(await readFile(FIRST_SCHEMA, 'utf8'))
    const request = `'default', 'MEDIUM', 'in_progress', 2, 1, 0, 1, 1, '{}', '["crm"]', '{}'`
    database.exec(`PRAGMA user_version = 1;
      INSERT INTO requests (id, tenant, priority, state, total, completed, failed, created_at,
        started_at, metadata, lanes, sources) VALUES ('old', ${request});
      INSERT INTO batches (request, lane, state, start, rank, first, last, count, completed)
      VALUES (1, 'crm', 'done', 0, 1, 0, 0, 1, 1), (1, 'crm', 'ready', 1, 2, 1, 1, 1, 0);
      INSERT INTO payloads VALUES (1, NULL, '{}'), (2, NULL, '{"ids":["b"],"source":"s"}');
      INSERT INTO flows VALUES ('crm', 'default', 'MEDIUM', 1, 1)`)
    database.close()
    const store = await open(dataDir)
    await joined(store)
    await store.settle([done(await claimedOne(store))], NOW)
    expect(await store.request(TENANT, 'old')).toMatchObject({ state: 'completed', completed: 2 })
  })

  test('is refused, untouched, when a newer version wrote it', async () => {
    const dataDir = await temporaryDirectory()
    // The store that could not be opened may still be letting go of the file.
    const database = new DatabaseSync(join(dataDir, 'sluice.db'), { timeout: 5000 })
    database.exec('PRAGMA user_version = 999')
    await expect(openSqliteStore({ dataDir })).rejects.toThrow('The database has schema 999')
    expect(schemaOf(database)).toEqual([])
    database.close()
  })
})

test('requests are listed from an index, whatever is asked for', async () => {
  const database = openWriter(':memory:')
  const store = await openMemoryStore(database)
  onTestFinished(() => store.close())
  const statements = preparedBy(() => listOperations(database))
  const lists = statements.filter((sql) => /ORDER BY id DESC/.test(sql))
  expect(lists).toHaveLength(2)
  for (const sql of lists) {
    const plan = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all()
    const steps = plan.map(({ detail }) => String(detail))
    expect(steps).toHaveLength(1)
    expect(steps[0]).toMatch(
      /^SEARCH requests USING (COVERING )?INDEX \w+ \(tenant=\? AND .*id[<>]/,
    )
  }
})

describe('a file that is damaged', () => {
  const PAGE = 4096
  const REFUSAL =
    /sluice\.db cannot be used: .+ \(SQLite \d+\)\. Check the disk, and put back a copy/

  async function refused(dataDir: string, damaged: Buffer): Promise<void> {
    const path = join(dataDir, 'sluice.db')
    await writeFile(path, damaged)
    await expect(openSqliteStore({ dataDir })).rejects.toThrow(REFUSAL)
    // But for the count of changes, which is in the first page.
    expect(damaged.subarray(PAGE).equals((await readFile(path)).subarray(PAGE))).toBe(true)
  }

  test('in its first bytes, or in any page, is refused at the start as it is', async () => {
    const dataDir = await temporaryDirectory()
    const store = await openSqliteStore({ dataDir })
    await inserted(store)
    await store.close()
    const whole = await readFile(join(dataDir, 'sluice.db'))
    await refused(dataDir, Buffer.concat([Buffer.alloc(100, 'x'), whole.subarray(100)]))
    for (let page = 1; page < whole.length / PAGE; page += 1) {
      await refused(dataDir, Buffer.from(whole).fill(0xff, page * PAGE, (page + 1) * PAGE))
    }
    await writeFile(join(dataDir, 'sluice.db'), whole)
    expect(await (await open(dataDir)).totals()).toMatchObject({ activeRequests: 1 })
  })

  test('and large is opened all the same, and found out when it is read', async () => {
    const dataDir = await temporaryDirectory()
    const store = await openSqliteStore({ dataDir })
    await inserted(store)
    await store.close()
    execute(
      dataDir,
      'CREATE TABLE filler (text TEXT); INSERT INTO filler VALUES (zeroblob(70000000))',
    )
    const path = join(dataDir, 'sluice.db')
    const file = await readFile(path)
    await writeFile(path, file.fill(0xff, 2 * PAGE, 3 * PAGE))
    const again = await openSqliteStore({ dataDir })
    await again.totals().catch(() => {})
    await expect(again.failed).rejects.toThrow('Check the disk, and put back a copy')
  })
})

test('a touch is a write, each time, for only a write can tell whether there is room', async () => {
  const dataDir = await temporaryDirectory()
  const store = await open(dataDir)
  const sizes: number[] = []
  for (let time = 0; time < 3; time++) {
    await store.touch()
    sizes.push((await stat(join(dataDir, 'sluice.db-wal'))).size)
  }
  const [first = 0, second = 0, third = 0] = sizes
  expect(first).toBeLessThan(second)
  expect(second).toBeLessThan(third)
})

describe('the data directory', () => {
  test('is made so that only this user may enter it', async () => {
    const dataDir = join(await temporaryDirectory(), 'deep', 'data')
    await open(dataDir)
    expect((await stat(dataDir)).mode & 0o777).toBe(0o700)
  })

  test('belongs to one store at a time, and is free again when that one is closed', async () => {
    const dataDir = await temporaryDirectory()
    const first = await openSqliteStore({ dataDir })
    await expect(openSqliteStore({ dataDir })).rejects.toThrow('Another Sluice is running')
    await first.close()
    await open(dataDir)
  })

  test('is free again when a store could not be opened', async () => {
    const dataDir = await temporaryDirectory()
    // The store that could not be opened may still be letting go of the file.
    const database = new DatabaseSync(join(dataDir, 'sluice.db'), { timeout: 5000 })
    database.exec('PRAGMA user_version = 999')
    await expect(openSqliteStore({ dataDir })).rejects.toThrow('The database has schema 999')
    database.exec('PRAGMA user_version = 0')
    database.close()
    await open(dataDir)
  })
})

describe('a store that is opened again', () => {
  test('has everything, and gives out at once what was leased, as rescued', async () => {
    const dataDir = await temporaryDirectory()
    const before = await openSqliteStore({ dataDir })
    await joined(before)
    const request = await inserted(before, { total: 15 })
    const [first, second, third] = three(await claimed(before))
    await before.settle([done(first), unfinished(second, { state: 'ready' })], NOW)
    await before.close()

    const after = await open(dataDir)
    expect(await after.request(TENANT, request.id)).toMatchObject({ completed: 5, total: 15 })
    expect(await allBatches(after, request.id)).toHaveLength(3)
    await joined(after)
    const again = await claimed(after)
    expect(again.map(({ id, rescues, token }) => ({ id, rescues, token }))).toEqual([
      { id: second.id, rescues: 0, token: 2 },
      { id: third.id, rescues: 1, token: 2 },
    ])
  })

  test('knows none of the workers of before', async () => {
    const dataDir = await temporaryDirectory()
    const before = await openSqliteStore({ dataDir })
    await joined(before)
    const nothing = { learned: null, learnedRate: null, lastError: null }
    const report = { at: NOW, concurrency: 4, perMinute: 100, ...nothing }
    await before.report('worker-1', [{ system: LANE, report }])
    await before.close()
    const after = await open(dataDir)
    expect(await after.beat('worker-1', NOW + 1000, NOW, 0)).toMatchObject({ alive: false })
    expect((await after.system(LANE)).reports).toEqual([])
    await inserted(after)
    expect(await claimed(after)).toEqual([])
  })

  test('refuses the settlements of before', async () => {
    const dataDir = await temporaryDirectory()
    const before = await openSqliteStore({ dataDir })
    await joined(before)
    await inserted(before)
    const stale = await claimedOne(before)
    await before.close()
    const after = await open(dataDir)
    expect((await after.settle([done(stale)], NOW)).refused).toEqual([stale.id])
  })
})

describe('what was being received when the process died', () => {
  test('is given up at the next start, its key is free, and it leaves not one row', async () => {
    const dataDir = await temporaryDirectory()
    const before = await openSqliteStore({ dataDir })
    const idempotency = { key: 'key', fingerprint: 'f' }
    const request = await staged(before, { total: 1200, batchSize: 1, idempotency })
    await before.close()
    const after = await open(dataDir)
    expect(await after.complete(request, wholeOf(request))).toBe(false)
    expect(await opened(after, newRequest({ idempotency }))).toEqual({ kind: 'opened' })
    expect(await cleared(after)).toBeGreaterThan(2)
    expect(rowsByTable(dataDir)).toEqual({ requests: 1, idempotency_keys: 1 })
  })

  test('gives its room on the disk back, a piece at a time', async () => {
    const dataDir = await temporaryDirectory()
    const store = await open(dataDir)
    const mappings = 'x'.repeat(1_000_000)
    const batches = Array.from({ length: 60 }, (_, place) => newBatch([place], { mappings }))
    const request = await staged(store, { batches })
    expect(await sizeOf(dataDir)).toBeGreaterThan(60_000_000)
    await store.abandon(request)
    // Fifteen pieces of four megabytes, and what is given back of the file.
    expect(await cleared(store)).toBeGreaterThan(15)
    expect(await sizeOf(dataDir)).toBeLessThan(20_000_000)
  })
})

test('what was cancelled is cancelled to the end after a restart, what was in hand as well', async () => {
  const dataDir = await temporaryDirectory()
  const before = await openSqliteStore({ dataDir })
  await joined(before)
  const request = await inserted(before, { total: 2500, batchSize: 1 })
  await claimedOne(before)
  await before.cancel(TENANT, request.id, NOW)
  await before.close()
  const after = await open(dataDir)
  const closing = await after.request(TENANT, request.id)
  expect(closing).toMatchObject({ closing: 'cancelled', finishedAt: null })
  await closedAll(after, NOW)
  const final = { state: 'cancelled', cancelled: 2500 }
  expect(await after.request(TENANT, request.id)).toMatchObject(final)
})

describe('the sweep', () => {
  test('mends a counter that does not agree with the batches, and tells', async () => {
    const dataDir = await temporaryDirectory()
    const store = await open(dataDir)
    await joined(store)
    const request = await inserted(store, { total: 10 })
    await store.settle([done(await claimedOne(store))], NOW)
    execute(dataDir, 'UPDATE requests SET completed = 3, failed = 1, open = 7')
    expect(await swept(store, NOW, 0)).toEqual({ rescued: [], repaired: [request.id], deleted: 0 })
    expect(await store.request(TENANT, request.id)).toMatchObject({ completed: 5, failed: 0 })
    expect(await swept(store, NOW, 0)).toEqual({ rescued: [], repaired: [], deleted: 0 })
  })

  test('gives up groups of failures that do not add up, for one that does, and tells', async () => {
    const dataDir = await temporaryDirectory()
    const store = await open(dataDir)
    await joined(store)
    const request = await inserted(store, { total: 10 })
    await store.settle([done(await claimedOne(store), { failed: 3 })], NOW)
    execute(dataDir, 'UPDATE failure_groups SET count = 2')
    expect((await swept(store, NOW, 0)).repaired).toEqual([request.id])
    const groups = await store.failures(TENANT, request.id)
    expect(groups).toMatchObject([{ target: null, code: REST_CODE, count: 3 }])
    expect((await swept(store, NOW, 0)).repaired).toEqual([])
    execute(dataDir, 'UPDATE batches SET failed = 0, completed = 5 WHERE failed > 0')
    expect((await swept(store, NOW, 0)).repaired).toEqual([request.id])
    expect(await store.failures(TENANT, request.id)).toEqual([])
  })

  test('mends a large request as well, whose pieces are counted one after the other', async () => {
    const dataDir = await temporaryDirectory()
    const store = await open(dataDir)
    await joined(store)
    const request = await inserted(store, { total: 10_100, batchSize: 5 })
    await store.settle([done(await claimedOne(store))], NOW)
    execute(dataDir, 'UPDATE requests SET completed = 3, open = 2000')
    expect((await swept(store, NOW, 0)).repaired).toEqual([request.id])
    expect(await store.request(TENANT, request.id)).toMatchObject({ completed: 5 })
    expect((await swept(store, NOW, 0)).repaired).toEqual([])
  })

  test('finishes a request that ought to be finished, and tells', async () => {
    const dataDir = await temporaryDirectory()
    const store = await open(dataDir)
    await joined(store)
    const request = await inserted(store, { total: 5 })
    await store.settle([done(await claimedOne(store), { failed: 1 })], NOW)
    execute(dataDir, `UPDATE requests SET state = 'in_progress', finished_at = NULL, completed = 0`)
    expect((await swept(store, NOW, 0)).repaired).toEqual([request.id])
    const mended = { state: 'failed', completed: 4, failed: 1, finishedAt: NOW }
    expect(await store.request(TENANT, request.id)).toMatchObject(mended)
  })

  test('queues the callback of a request that it finishes, once', async () => {
    const dataDir = await temporaryDirectory()
    const store = await open(dataDir)
    await joined(store)
    const request = await inserted(store)
    await store.settle([done(await claimedOne(store))], NOW)
    for (let time = 0; time < 2; time += 1) {
      execute(
        dataDir,
        `UPDATE requests SET state = 'in_progress', finished_at = NULL,
           callback_url = 'https://a.example/' WHERE tenant = '${TENANT}'`,
      )
      expect((await swept(store, NOW, 0)).repaired).toContain(request.id)
      expect(await store.system('callback:https://a.example')).toMatchObject({ open: 1 })
    }
    expect(await claimed(store, { lane: 'callback:https://a.example' })).toHaveLength(1)
  })

  test('leaves not one row of a request that it deletes', async () => {
    const dataDir = await temporaryDirectory()
    const store = await open(dataDir)
    await joined(store)
    const idempotency = { key: 'key', fingerprint: 'fingerprint' }
    const batches = [newBatch([0, 1]), newBatch([2, 3]), newBatch([4], { lane: 'erp' })]
    await inserted(store, { batches, idempotency })
    for (const lane of [LANE, 'erp']) {
      for (const batch of await claimed(store, { lane })) {
        await store.settle([done(batch, { failed: 1 })], NOW)
      }
    }
    const large = await received(store, { total: 3000, batchSize: 1 })
    await store.release(NOW)
    await store.cancel(TENANT, large.id, NOW)
    await closedAll(store, NOW)
    await store.leave('worker-1')
    const later = NOW + DAY
    expect(await swept(store, later, NOW + 1)).toMatchObject({ deleted: 2 })
    await cleared(store, later)
    expect(rowsByTable(dataDir)).toEqual({})
  })
})

/** Opens a store that is closed when the test is over. */
async function open(dataDir: string): Promise<SqliteStore> {
  const store = await openSqliteStore({ dataDir })
  onTestFinished(() => store.close())
  return store
}

/** The SQL of every statement that is prepared meanwhile. */
function preparedBy(action: () => unknown): readonly string[] {
  const spy = vi.spyOn(DatabaseSync.prototype, 'prepare')
  action()
  const statements = spy.mock.calls.map(([sql]) => sql)
  spy.mockRestore()
  return statements
}

/** Has the next connection say that it is of this version of SQLite. */
function pretendVersion(version: string): void {
  const { prepare } = DatabaseSync.prototype
  const spy = vi.spyOn(DatabaseSync.prototype, 'prepare')
  spy.mockImplementationOnce(function (this: DatabaseSync) {
    return prepare.call(this, `SELECT '${version}' AS v`)
  })
  onTestFinished(() => spy.mockRestore())
}

function schemaOf(database: DatabaseSync) {
  const rows = database.prepare(
    `SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name`,
  )
  return rows.all().map(({ type, name, sql }) => ({ type, name: String(name), sql: String(sql) }))
}

/** Changes the database behind the store's back. */
function execute(dataDir: string, sql: string): void {
  const database = new DatabaseSync(join(dataDir, 'sluice.db'), { timeout: 5000 })
  database.exec(sql)
  database.close()
}

/** How large the file is, with all that is written in it and not in its log. */
async function sizeOf(dataDir: string): Promise<number> {
  execute(dataDir, 'PRAGMA wal_checkpoint(TRUNCATE)')
  return (await stat(join(dataDir, 'sluice.db'))).size
}

/** How many rows each table has, without those that have none. */
function rowsByTable(dataDir: string): Readonly<Record<string, number>> {
  const database = new DatabaseSync(join(dataDir, 'sluice.db'), { timeout: 5000 })
  const tables = schemaOf(database).filter(({ type }) => type === 'table')
  const counts = tables.map(({ name }): [string, number] => {
    const row = database.prepare(`SELECT count(*) AS n FROM ${name}`).get()
    return [name, Number(row?.['n'])]
  })
  database.close()
  return Object.fromEntries(counts.filter(([, count]) => count > 0))
}
