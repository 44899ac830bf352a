/** Sessions that are in each other's way, and nodes that do not agree about the time: F17, F18. */
import pg from 'pg'
import { afterAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { BEAT_EVERY_MS, LIFETIME_MS } from '../../src/dispatch/membership.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { callerClock } from '../../src/store/postgres/clock.ts'
import { type Database, openDatabase } from '../../src/store/postgres/database.ts'
import { intakeOperations } from '../../src/store/postgres/intake.ts'
import { FIND_KEY } from '../../src/store/postgres/intake-statements.ts'
import { migrate } from '../../src/store/postgres/migrate.ts'
import { postgresStore } from '../../src/store/postgres/store.ts'
import { type ClaimedBatch, type Store, StoreUnavailable } from '../../src/store/store.ts'
import {
  audited,
  claimed,
  claimedOne,
  inserted,
  join,
  MINUTE,
  only,
  opened,
  settled,
  swept,
  two,
} from '../contract/steps.ts'
import { eventually } from '../support/eventually.ts'
import { emptyTables, execute, postgresDatabase } from '../support/postgres.ts'
import { done, LANE, NOW, newRequest, piecesOf, unfinished, wholeOf } from '../support/requests.ts'

const { url, drop } = await postgresDatabase()
await migrate(url)
afterAll(drop)
beforeEach(() => emptyTables(url))

const REPORT = {
  ...{ at: NOW, concurrency: 1, perMinute: 1 },
  ...{ learned: null, learnedRate: null, lastError: null },
}

const GATE = { state: 'throttled', until: NOW + MINUTE, reason: 'busy' } as const

describe('two sessions that are in each other’s way', () => {
  test('by a real deadlock: it is the store that gives in, and does it again', async () => {
    const store = open(url)
    await join(store)
    await inserted(store, { total: 10 })
    const [batch] = two(await claimed(store))
    // The other one takes the request first and the batch then, and has all the time in the world.
    const other = execute(
      url,
      `SET deadlock_timeout = '1h';
       BEGIN; SELECT 1 FROM requests FOR UPDATE; SELECT pg_sleep(0.3);
       SELECT 1 FROM batches FOR UPDATE; COMMIT`,
    )
    await eventually(() => expectLocked('requests'))
    await settled(store, [done(batch)])
    await other
  })

  test('in a database that serialises: what could not be put in order is done again', async () => {
    const strict = new URL(url)
    strict.searchParams.set('options', '-c default_transaction_isolation=serializable')
    const store = open(strict.href)
    const request = await inserted(store, { total: 10 })
    await join(store)
    const [first, second] = two(await claimed(store))
    const other = execute(
      url,
      'BEGIN; UPDATE requests SET metadata = metadata; SELECT pg_sleep(0.3); COMMIT',
    )
    await eventually(() => expectLocked('requests'))
    await Promise.all([settled(store, [done(first)]), settled(store, [done(second)]), other])
    expect(await audited(store, request)).toMatchObject({ state: 'completed', completed: 10 })
  })

  test('in a claim that had to wait: what another had in hand meanwhile comes as that one left it', async () => {
    const store = open(url)
    await join(store)
    await join(store, 'worker-2')
    await inserted(store, { lane: 'probed' })
    const request = await inserted(store, { total: 5 })
    await store.gate('probed', { ...GATE, state: 'tripped', until: NOW })
    const operator = await session()
    await operator.query('BEGIN; SELECT 1 FROM systems FOR UPDATE')
    const wants = ['probed', LANE].map((lane) => ({ lane, mappings: 5, below: null, turn: 0 }))
    const waiting = store.claim('worker-1', wants, NOW)
    await eventually(() => expectWaiting())
    const release = unfinished(
      await claimedOne(store, { worker: 'worker-2' }),
      { state: 'ready' },
      { completed: 3, failed: 1 },
    )
    await settled(store, [release])
    await operator.query('COMMIT')
    const batch = only((await waiting).batches.filter(({ lane }) => lane === LANE))
    expect(batch).toMatchObject({ id: release.batch, verdicts: release.verdicts })
    await settled(store, [done(batch, { failed: 2 })])
    expect(await audited(store, request)).toMatchObject({ completed: 3, failed: 2 })
  })

  test('of which one deletes what is old: it waits for no flow that another has locked', async () => {
    const store = open(url)
    const flows = ['b', 'a'].map((lane) => `('${lane}', 'default', 'LOW', 0, 0)`)
    await execute(url, `INSERT INTO flows VALUES ${flows.join(', ')}`)
    const other = await session()
    await other.query("BEGIN; SELECT 1 FROM flows WHERE lane = 'a' FOR UPDATE")
    await store.deleteOld(NOW, 0)
    await other.query('COMMIT')
    expect(await execute(url, 'SELECT lane FROM flows')).toEqual([{ lane: 'a' }])
  })

  test('of which one leaves, and the other gives it up: nobody waits in a circle', async () => {
    const patient = new URL(url)
    patient.searchParams.set('options', '-c deadlock_timeout=1h')
    const stores = [open(patient.href), open(patient.href)] as const
    await join(stores[0], 'late', NOW)
    await inserted(stores[0], { total: 10 })
    const [, second] = two(await claimed(stores[0], { worker: 'late' }))
    const other = await session()
    await other.query(`BEGIN; SELECT 1 FROM batches WHERE id = ${second.id} FOR UPDATE`)
    const leaving = stores[0].leave('late')
    await eventually(() => expectWaiting(1))
    const rescue = stores[1].rescue(NOW + MINUTE)
    await eventually(() => expectWaiting(2))
    await other.query('COMMIT')
    await Promise.all([leaving, rescue])
    expect(await claimed(stores[0], { worker: 'late' })).toEqual([])
  })

  test('a worker that is given up and one that reports: what it tells is forgotten with it', async () => {
    const store = open(url)
    await join(store, 'late', NOW)
    await inserted(store)
    await claimedOne(store, { worker: 'late' })
    const other = await session()
    await other.query('BEGIN; SELECT 1 FROM batches FOR UPDATE')
    const rescue = swept(store, NOW + MINUTE, 0)
    await eventually(() => expectWaiting())
    await store.report('late', [{ system: LANE, report: REPORT }])
    await other.query('COMMIT')
    expect((await rescue).rescued).toEqual([{ worker: 'late', batches: 1 }])
    await swept(store, NOW + MINUTE, 0)
    expect((await store.system(LANE)).reports).toEqual([])
  })

  test('in a group of inserts: one whose key is forgotten as it is looked up takes no other with it', async () => {
    const database = openDatabase(url, 2)
    onTestFinished(() => database.close())
    const forgetful: Database = {
      ...database,
      async query(sql, parameters) {
        if (sql === FIND_KEY) await execute(url, 'DELETE FROM idempotency_keys')
        return database.query(sql, parameters)
      },
    }
    const { insert } = intakeOperations(forgetful, callerClock, () => {})
    const idempotency = { key: 'key', fingerprint: 'fingerprint' }
    await insert(newRequest({ idempotency }))
    const [, late, other] = await Promise.allSettled([
      insert(newRequest()),
      insert(newRequest({ idempotency })),
      insert(newRequest()),
    ])
    expect(late).toMatchObject({ reason: expect.any(StoreUnavailable) })
    expect(other).toEqual({ status: 'fulfilled', value: { kind: 'inserted' } })
  })

  test('that finish requests at once: each has one callback, and no other is lost', async () => {
    const stores = [open(url), open(url)] as const
    await join(stores[0])
    const lanes = [81, 82].map((port) => `callback:http://a.example:${port}`)
    const told: string[] = []
    const requests = await Promise.all(
      Array.from({ length: 200 }, (_, turn) => {
        const terms = { callbackUrl: `http://a.example:${81 + (turn % 2)}/` }
        return inserted(stores[0], { total: 2, batchSize: 1, terms })
      }),
    )
    const batches = await claimed(stores[0])

    /** Finishes some requests, and carries out what callbacks there are, while the others do so, too. */
    async function work(store: Store, group: readonly ClaimedBatch[]) {
      await settled(
        store,
        group.map((batch) => done(batch)),
      )
      for (const lane of lanes) {
        const callbacks = await claimed(store, { lane })
        told.push(...callbacks.map(({ request }) => request))
        await settled(
          store,
          callbacks.map((batch) => done(batch)),
        )
      }
    }

    const groups = Array.from({ length: 40 }, (_, at) => batches.slice(at * 10, at * 10 + 10))
    await Promise.all(groups.map((group, at) => work(stores[at % 2 === 0 ? 0 : 1], group)))
    await work(stores[0], [])
    expect(told.sort()).toEqual(requests.map(({ id }) => id).sort())
    expect(await stores[0].totals()).toEqual({ activeRequests: 0, openMappings: 0 })
  })
})

describe('two nodes whose clocks differ by an hour', () => {
  const HOUR = 60 * MINUTE

  test('agree on who is alive and holds what', async () => {
    const [late, early] = [node(0), node(HOUR)]
    await late.does((store, now) => store.join({ id: 'late', host: 'x' }, now + LIFETIME_MS))
    await early.does((store, now) => store.join({ id: 'early', host: 'y' }, now + LIFETIME_MS))
    await late.does((store) => inserted(store, { total: 5 }))
    const held = await late.does((store, now) => claimed(store, { worker: 'late', now }))
    expect(held).toHaveLength(1)
    for (const { does } of [early, late]) {
      expect(await does((store, now) => swept(store, now, now - 24 * HOUR))).toMatchObject({
        rescued: [],
      })
    }
    expect(await early.does((store, now) => claimed(store, { worker: 'early', now }))).toEqual([])
    for (const [position, [id, { does }]] of [...Object.entries({ late, early })].entries()) {
      expect(
        await does((store, now) => store.beat(id, now + BEAT_EVERY_MS + LIFETIME_MS, now, 0)),
      ).toMatchObject({ alive: true, workers: 2, position })
    }
    await late.does((store, now) =>
      settled(
        store,
        held.map((batch) => done(batch)),
        now,
      ),
    )
  })

  test('agree on when a request expires, whichever of them took it in', async () => {
    for (const ahead of [-HOUR, HOUR]) {
      const { does } = node(ahead)
      const requests = await does(async (store, now) => {
        const terms = { expiresAt: now + 30 * MINUTE }
        const insert = await inserted(store, { createdAt: now, terms })
        const streamed = newRequest({ createdAt: now, terms })
        await opened(store, streamed, now, now + MINUTE)
        for (const piece of piecesOf(streamed))
          await store.stage(streamed, piece, now + MINUTE, now)
        await store.complete(streamed, wholeOf(streamed))
        expect(await store.closeSome(now)).toMatchObject({ expired: [] })
        return [insert, streamed]
      })
      const [row] = await execute(
        url,
        `SELECT min(expires_at) AS first, max(expires_at) AS last FROM requests WHERE id = ANY ($1)`,
        [requests.map(({ id }) => id)],
      )
      for (const at of [row?.['first'], row?.['last']]) {
        expect(Math.abs(Number(at) - Date.now() - 30 * MINUTE)).toBeLessThan(10_000)
      }
    }
  })

  test('agree on when a gate may be tried, and that one of them tries', async () => {
    const [late, early] = [node(0), node(HOUR)]
    await late.does((store, now) => store.gate(LANE, { ...GATE, until: now + MINUTE }))
    const seen = await early.does(async (store, now) => {
      const [system] = (await store.work(now)).systems
      return (system?.gate?.until ?? 0) - now
    })
    expect(Math.abs(seen - MINUTE)).toBeLessThan(10_000)
    expect(await early.does((store, now) => store.probe(LANE, now))).toBe(false)
    await early.does((store, now) => store.resume(LANE, now))
    expect(await late.does((store, now) => store.probe(LANE, now))).toBe(true)
    expect(await early.does((store, now) => store.probe(LANE, now))).toBe(false)
  })

  /** A store in a process whose clock is ahead by so much. */
  function node(ahead: number) {
    const store = postgresStore({ url, listenUrl: null, connections: 2 })
    onTestFinished(() => store.close())
    async function does<T>(act: (store: Store, now: number) => Promise<T>): Promise<T> {
      const now = Date.now() + ahead
      const ours = vi.spyOn(systemClock, 'now').mockReturnValue(now)
      try {
        return await act(store, now)
      } finally {
        ours.mockRestore()
      }
    }
    return { does }
  }
})

function open(at: string): Store {
  const store = postgresStore({ url: at, listenUrl: null, connections: 5, clock: 'caller' })
  onTestFinished(() => store.close())
  return store
}

/** A session that nothing of ours goes through. */
async function session(): Promise<pg.Client> {
  const client = new pg.Client(url)
  await client.connect()
  onTestFinished(() => client.end())
  return client
}

async function expectWaiting(sessions = 1): Promise<void> {
  const waiting = `SELECT 1 FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND datname = current_database()`
  expect(await execute(url, waiting)).toHaveLength(sessions)
}

async function expectLocked(table: string): Promise<void> {
  const locks = await execute(
    url,
    `SELECT 1 FROM pg_locks
     WHERE relation = $1::regclass AND mode IN ('RowShareLock', 'RowExclusiveLock') AND granted`,
    [table],
  )
  expect(locks.length).toBeGreaterThan(0)
}
