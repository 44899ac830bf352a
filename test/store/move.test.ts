/** `sluice move`: everything that the embedded store holds goes to PostgreSQL, or nothing does. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { moveToPostgres } from '../../src/store/move.ts'
import { MOVED_TABLES } from '../../src/store/moved.ts'
import { openPostgresStore } from '../../src/store/postgres/store.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import type { NewRequest, Store } from '../../src/store/store.ts'
import { opened, released, swept, waitingOf } from '../contract/steps.ts'
import { emptyTables, execute, postgresDatabase } from '../support/postgres.ts'
import {
  done,
  LANE,
  NOW,
  newBatch,
  newRequest,
  piecesOf,
  TENANT,
  unfinished,
  wholeOf,
} from '../support/requests.ts'

const { url, drop } = await postgresDatabase()
const target = await openPostgresStore({
  ...{ url, listenUrl: null, connections: 5, migrate: true, clock: 'caller' },
})
const DEADLINE = NOW + 15_000
const silent = () => {}
let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-move-'))
})

afterEach(async () => {
  await rm(directory, { recursive: true })
  await emptyTables(url)
})

afterAll(async () => {
  await target.close()
  await drop()
})

/** Who is alive and what they hold, and what is written over and over: none of it goes along. */
const LEFT_BEHIND = ['membership', 'reports', 'schema_version', 'scratch', 'workers']

test('every column there is goes along, but for who holds a batch', async () => {
  const columns = await execute(
    url,
    `SELECT table_name AS "table", column_name AS "column" FROM information_schema.columns
     WHERE table_schema = 'public' AND NOT table_name = ANY ($1)
       AND (table_name, column_name) <> ('batches', 'worker')`,
    [LEFT_BEHIND],
  )
  const moved = MOVED_TABLES.flatMap(({ name, columns }) =>
    Object.keys(columns).map((column) => `${name}.${column}`),
  )
  expect(columns.map((row) => `${row['table']}.${row['column']}`).sort()).toEqual(moved.sort())
})

const ENDPOINT = { tenant: TENANT, url: 'https://a.example/done' }
const TELLING = { terms: { callbackUrl: ENDPOINT.url } }
const RECEIVER = 'callback:https://a.example'

/**
 * Requests in every state there is: finished, with failures, half done, waiting, leased, untouched,
 * before their time, and on their way to being ready; one has a callback.
 */
const RELEASING = newRequest({
  batches: Array.from({ length: 2005 }, (_, at) => newBatch([at], { lane: 'erp' })),
})
const REQUESTS: readonly NewRequest[] = [
  newRequest({ total: 12, idempotency: { key: 'again', fingerprint: 'same' } }),
  newRequest({ total: 7, priority: 'HIGH', metadata: { who: 'Zoë' }, ...TELLING }),
  newRequest({ total: 30, tenant: 'other' }),
  newRequest({ total: 10, lane: 'shop' }),
  newRequest({ total: 8, lane: 'erp', terms: { notBefore: NOW + 60_000 } }),
  RELEASING,
]
/** Of what is still received nobody knows: it is left behind. */
const HALF = newRequest({ total: 6, idempotency: { key: 'half', fingerprint: 'same' } })

async function fill(): Promise<void> {
  const store = await openSqliteStore({ dataDir: directory })
  for (const request of REQUESTS.slice(0, -1)) await store.insert(request)
  for (const request of [RELEASING, HALF]) {
    await opened(store, request)
    for (const piece of piecesOf(request, 1000)) await store.stage(request, piece, DEADLINE, NOW)
  }
  await store.complete(RELEASING, wholeOf(RELEASING))
  await store.release(NOW)
  await store.join({ id: 'worker', host: 'here' }, DEADLINE)
  const { batches } = await store.claim('worker', [want(LANE, 40)], NOW)
  const settlements = batches.flatMap((batch, index) => {
    if (batch.request === REQUESTS[0]?.id) return [done(batch)]
    if (batch.request === REQUESTS[1]?.id) return [done(batch, { failed: 1 })]
    if (index % 2 === 0) return []
    const finals = { completed: 2 }
    return [unfinished(batch, { state: 'waiting', runAt: NOW + 60_000 }, finals)]
  })
  await store.settle(settlements, NOW)
  await store.gate('shop', { state: 'held', until: NOW + 60_000, reason: 'credentials refused' })
  await store.override('crm', { concurrency: 3, paused: true })
  await store.disableCallback(ENDPOINT, NOW)
  await store.close()
}

function want(lane: string, mappings: number) {
  return { lane, mappings, below: null, turn: 0 }
}

/** All that can be asked of a store. */
async function contents(store: Store): Promise<unknown> {
  const range = { from: 0, to: 1000, reaching: 0, state: null }
  return {
    totals: await store.totals(),
    requests: await Promise.all(REQUESTS.map(({ tenant, id }) => store.request(tenant, id))),
    batches: await Promise.all(REQUESTS.map(({ tenant, id }) => store.batches(tenant, id, range))),
    failed: await store.batches(TENANT, REQUESTS[1]?.id ?? '', { ...range, state: 'failed' }),
    waiting: await waitingOf(store, 'other', REQUESTS[2]?.id ?? ''),
    systems: await Promise.all([LANE, 'shop', RECEIVER].map((name) => store.system(name))),
    disabled: await store.isCallbackDisabled(ENDPOINT),
    work: await store.work(NOW),
  }
}

/** What the embedded store holds after a restart, which makes ready what was leased. */
async function embedded(): Promise<unknown> {
  const store = await openSqliteStore({ dataDir: directory })
  const found = await contents(store)
  await store.close()
  return found
}

describe('a move', () => {
  test('carries over everything that can be asked for', async () => {
    await fill()
    const progress: { done: number; total: number }[] = []
    const moved = await moveToPostgres(directory, url, (step) => progress.push(step))
    expect(moved).toEqual({ requests: 7, batches: 2021, mappings: 2073 })
    expect(await contents(target)).toEqual(await embedded())
    expect(progress.at(-1)?.done).toBe(progress.at(-1)?.total)
  })

  test('carries over keys, and numbers that were given out', async () => {
    await fill()
    await moveToPostgres(directory, url, silent)
    const repeat = { ...newRequest(), idempotency: { key: 'again', fingerprint: 'same' } }
    expect(await target.insert(repeat)).toMatchObject({
      kind: 'replayed',
      request: { id: REQUESTS[0]?.id, total: 12 },
    })
    expect(await target.insert(newRequest())).toEqual({ kind: 'inserted' })
    const { idempotency } = HALF
    expect(await target.insert(newRequest({ idempotency }))).toEqual({ kind: 'inserted' })
  })

  test('lets the work go on where it was', async () => {
    await fill()
    await moveToPostgres(directory, url, silent)
    await target.override(LANE, { paused: false })
    await target.resume('shop', NOW)
    await target.gate('shop', null)
    const later = NOW + 120_000
    await released(target, later)
    await target.join({ id: 'next', host: 'there' }, later + 15_000)
    const wants = [...[want(LANE, 1000), want('shop', 1000), want('erp', 5000)], want(RECEIVER, 1)]
    const { batches } = await target.claim('next', wants, later)
    const { refused } = await target.settle(
      batches.map((batch) => done(batch)),
      later,
    )
    expect(refused).toEqual([])
    const states = REQUESTS.map(async ({ tenant, id }) => (await target.request(tenant, id))?.state)
    expect(await Promise.all(states)).toEqual([
      ...['completed', 'failed', 'completed'],
      ...['completed', 'completed', 'completed'],
    ])
    expect(await swept(target, later, NOW - 1)).toMatchObject({ repaired: [] })
    expect(await target.totals()).toEqual({ activeRequests: 0, openMappings: 0 })
  })

  test('is refused while another process has the store', async () => {
    const store = await openSqliteStore({ dataDir: directory })
    await expect(moveToPostgres(directory, url, silent)).rejects.toThrow(
      'Another Sluice is running',
    )
    await store.close()
  })

  test('is refused where there is no store', async () => {
    const nowhere = join(directory, 'nowhere')
    await expect(moveToPostgres(nowhere, url, silent)).rejects.toThrow('There is no embedded store')
  })

  test('is refused when the target is not empty, and leaves it as it is', async () => {
    await fill()
    const request = newRequest()
    await target.insert(request)
    await expect(moveToPostgres(directory, url, silent)).rejects.toThrow('Move into an empty one')
    expect(await target.totals()).toEqual({ activeRequests: 1, openMappings: 1 })
  })

  test('leaves nothing behind when it is interrupted', async () => {
    await fill()
    const interrupt = () => {
      throw new Error('interrupted')
    }
    await expect(moveToPostgres(directory, url, interrupt)).rejects.toThrow('interrupted')
    expect(await target.totals()).toEqual({ activeRequests: 0, openMappings: 0 })
    expect(await moveToPostgres(directory, url, silent)).toMatchObject({ requests: 7 })
  })

  test('leaves nothing behind when the copy differs in a single letter', async () => {
    await fill()
    await execute(
      url,
      `CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         IF NEW.first = 5 THEN NEW.mappings = NEW.mappings || ' '; END IF; RETURN NEW; END $$;
       CREATE TRIGGER spoil BEFORE INSERT ON payloads FOR EACH ROW EXECUTE FUNCTION spoil()`,
    )
    await expect(moveToPostgres(directory, url, silent)).rejects.toThrow('The copy of payloads')
    await execute(url, 'DROP TRIGGER spoil ON payloads; DROP FUNCTION spoil')
    expect(await target.totals()).toEqual({ activeRequests: 0, openMappings: 0 })
  })
})
