/** What is particular to the PostgreSQL store; what every store promises is in test/contract. */
import { afterAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { REST_CODE } from '../../src/core/failures.ts'
import { LEASE } from '../../src/store/postgres/claim-statements.ts'
import { REQUESTS_IN } from '../../src/store/postgres/list.ts'
import { migrate } from '../../src/store/postgres/migrate.ts'
import { openPostgresStore, type PostgresOptions } from '../../src/store/postgres/store.ts'
import type { Store } from '../../src/store/store.ts'
import {
  audited,
  claimed,
  claimedOne,
  cleared,
  DAY,
  inserted,
  join,
  listed,
  MINUTE,
  only,
  received,
  released,
  SECOND,
  staged,
  swept,
  two,
} from '../contract/steps.ts'
import { eventually } from '../support/eventually.ts'
import { emptyTables, execute, postgresDatabase } from '../support/postgres.ts'
import { done, LANE, NOW, newBatch, newRequest, TENANT, unfinished } from '../support/requests.ts'

const { url, drop } = await postgresDatabase()
await migrate(url)
afterAll(drop)
beforeEach(() => emptyTables(url))

describe('the schema', () => {
  test('is made once, however many make it at the same time', async () => {
    await execute(url, 'CREATE SCHEMA raced')
    const raced = `${url}?options=-c%20search_path%3Draced`
    await Promise.all(Array.from({ length: 5 }, () => migrate(raced)))
    const made = await execute(url, 'SELECT version FROM schema_version')
    expect(await execute(url, 'SELECT version FROM raced.schema_version')).toEqual(made)
  })

  test('is not made when it is not to be: who needs it is told how', async () => {
    await execute(url, 'CREATE SCHEMA bare')
    const bare = `${url}?options=-c%20search_path%3Dbare`
    await expect(open({ url: bare, migrate: false })).rejects.toThrow('Run `sluice migrate` first.')
    await open({ migrate: false })
  })

  test.each([true, false])('is not for a server that would lose commits', async (migrate) => {
    const careless = `${url}?options=-c%20synchronous_commit%3Doff`
    await expect(open({ url: careless, migrate })).rejects.toThrow('synchronous_commit = off')
  })

  test('of a newer version is refused, untouched', async () => {
    const [known] = await execute(url, 'SELECT version FROM schema_version')
    await execute(url, 'UPDATE schema_version SET version = 999')
    onTestFinished(async () => {
      await execute(url, 'UPDATE schema_version SET version = $1', [known?.['version']])
    })
    for (const migrate of [true, false]) {
      await expect(open({ migrate })).rejects.toThrow('The database has schema 999')
    }
  })
})

test.each([
  ['that is not there', { hostname: 'localhost', port: '1' }, 'is not there: connect ECONNREFUSED'],
  [
    'that does not know the password',
    { password: 'canary' },
    'does not let us in: password authentication failed',
  ],
])('a server %s is named, and the password is not', async (_, part, reason) => {
  const wrong = Object.assign(new URL(url), part)
  const error = await open({ url: wrong.href }).catch((error: unknown) => error)
  expect(String(error)).toContain(`PostgreSQL at ${wrong.host} `)
  expect(String(error)).toContain(reason)
  expect(String(error)).not.toContain('canary')
})

describe('two stores on one database', () => {
  test('insert one request of many that have one key, and all give it', async () => {
    const stores = [await open(), await open()]
    const idempotency = { key: 'key-1', fingerprint: 'f1' }
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, turn) =>
        stores[turn % 2]?.insert(newRequest({ idempotency, total: 3 })),
      ),
    )
    const kept = only(await listed(await open()))
    expect(answers.filter((answer) => answer?.kind === 'inserted')).toHaveLength(1)
    for (const answer of answers) {
      if (answer?.kind !== 'inserted')
        expect(answer).toMatchObject({ kind: 'replayed', request: { id: kept } })
    }
  })

  test('never lease one batch twice', async () => {
    const stores = [await open(), await open()] as const
    await join(stores[0], 'worker-0')
    await join(stores[1], 'worker-1')
    const request = await inserted(stores[0], { total: 1000 })
    const given = await Promise.all(
      Array.from({ length: 40 }, (_, turn) =>
        claimed(stores[turn % 2 === 0 ? 0 : 1], { worker: `worker-${turn % 2}`, mappings: 25 }),
      ),
    )
    expect(new Set(given.flat().map(({ id }) => id)).size).toBe(200)
    expect(given.flat()).toHaveLength(200)
    await Promise.all(
      given.map((batches, turn) =>
        stores[turn % 2 === 0 ? 0 : 1].settle(
          batches.map((batch) => done(batch)),
          NOW,
        ),
      ),
    )
    expect(await audited(stores[0], request)).toMatchObject({ state: 'completed', completed: 1000 })
  })

  test('release and clear the same requests at once, each batch once', async () => {
    const stores = [await open({ connections: 2 }), await open({ connections: 2 })] as const
    const [store] = stores
    await join(store)
    const batches = Array.from({ length: 5000 }, (_, ordinal) => newBatch([ordinal]))
    const request = await received(store, { batches })
    const gone = await staged(store, { total: 1500, batchSize: 1 })
    await store.abandon(gone)
    await Promise.all(stores.flatMap((each) => [released(each), cleared(each)]))
    // Whoever came while the other held the last ones may not have waited for them.
    await released(store)
    const ranks = (await claimed(store)).map(({ rank }) => rank)
    expect(ranks).toEqual(batches.map((_, ordinal) => (ordinal + 1) / 4))
    expect((await store.work(NOW)).release).toBeNull()
    expect(await store.insert(newRequest({ id: gone.id }))).toEqual({ kind: 'inserted' })
    await audited(store, request)
  })

  test('settle the same requests in opposite orders, and never stand in each other’s way', async () => {
    const stores = [await open(), await open()] as const
    await join(stores[0])
    const requests = [await inserted(stores[0], { total: 2000 })]
    requests.push(await inserted(stores[0], { total: 2000, tenant: 'another', lane: 'erp' }))
    const first = await claimed(stores[0])
    const second = await claimed(stores[0], { lane: 'erp' })
    for (let turn = 0; turn < 200; turn++) {
      const [a, b, c, d] = [first[turn], second[turn], first[turn + 200], second[turn + 200]]
      if (!a || !b || !c || !d) throw new Error('expected 400 batches of each')
      const answers = await Promise.all([
        stores[0].settle([done(a), done(b)], NOW),
        stores[1].settle([done(d), done(c)], NOW),
      ])
      expect(answers.flatMap(({ refused }) => refused)).toEqual([])
    }
    for (const request of requests) {
      expect(await audited(stores[0], request)).toMatchObject({ completed: 2000 })
    }
  })

  test('count a settlement once, though it is written by both at the same time', async () => {
    const stores = [await open(), await open()] as const
    await join(stores[0])
    const request = await inserted(stores[0], { total: 100, batchSize: 100 })
    const batch = await claimedOne(stores[0])
    for (let completed = 5; completed < 100; completed += 5) {
      const checkpoint = unfinished(batch, { state: 'leased' }, { completed })
      await Promise.all([...stores, ...stores].map((store) => store.settle([checkpoint], NOW)))
      expect(await audited(stores[0], request)).toMatchObject({ completed })
    }
    const answers = await Promise.all(stores.map((store) => store.settle([done(batch)], NOW)))
    expect(answers.flatMap(({ refused }) => refused)).toEqual([batch.id])
    expect(only(answers.flatMap(({ finished }) => finished)).id).toBe(request.id)
    expect(await audited(stores[0], request)).toMatchObject({ state: 'completed' })
  })

  test('agree on the time, though their callers do not', async () => {
    const here = await open({ clock: 'database' })
    const now = Date.now()
    const [ahead, behind] = [now + 120 * MINUTE, now - 120 * MINUTE]
    await join(here, 'ahead', now + 15 * SECOND)
    await join(here, 'behind', now + 15 * SECOND)
    await here.beat('ahead', ahead + 15 * SECOND, ahead, 0)
    await here.beat('behind', behind + 15 * SECOND, behind, 0)
    for (const at of [ahead, behind]) expect((await swept(here, at, 0)).rescued).toEqual([])

    await inserted(here, { total: 10 })
    const [due, later] = two(await claimed(here, { worker: 'ahead', now: ahead }))
    await here.settle(
      [
        unfinished(due, { state: 'waiting', runAt: ahead }),
        unfinished(later, { state: 'waiting', runAt: ahead + MINUTE }),
      ],
      ahead,
    )
    const want = { lane: LANE, mappings: 100, below: null, turn: 0 }
    const claim = await here.claim('behind', [want], behind)
    expect(only(claim.batches).id).toBe(due.id)
    const wait = only(claim.due).at - behind
    expect(wait).toBeGreaterThan(MINUTE - 30 * SECOND)
    expect(wait).toBeLessThanOrEqual(MINUTE)
  })

  test('start nothing before its time, whatever the clock says of who took it', async () => {
    const here = await open({ clock: 'database' })
    const now = Date.now()
    const ahead = now + 120 * MINUTE
    await join(here, 'worker-1', now + MINUTE)
    await inserted(here, { createdAt: ahead, terms: { notBefore: now + 60 * MINUTE } })
    await released(here, now)
    expect(await claimed(here, { now })).toEqual([])
  })
})

describe('hints', () => {
  test('reach the other stores, and again after the connection was lost', async () => {
    const listener = await open({ listenUrl: url })
    const sender = await open()
    const hints: (string | null)[] = []
    listener.onWork(({ lane }) => hints.push(lane))
    const listening = async (than: unknown) => {
      const [row] = await execute(
        url,
        `SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_listening_channels%'
         AND pid <> pg_backend_pid() AND datname = current_database()`,
      )
      expect(row?.['pid']).toBeDefined()
      expect(row?.['pid']).not.toBe(than)
      return row?.['pid']
    }
    const first = await eventually(() => listening(null))
    await inserted(sender, { lane: 'before' })
    await eventually(() => expect(hints).toEqual(['before']))

    await execute(url, 'SELECT pg_terminate_backend($1)', [first])
    await eventually(() => listening(first))
    await inserted(sender, { lane: 'after' })
    await eventually(() => expect(hints).toEqual(['before', 'after']))
  })

  test('tell the others of a worker that joins: it waits for them to make room', async () => {
    const listener = await open({ listenUrl: url })
    const sender = await open()
    const hints: unknown[] = []
    listener.onWork((hint) => hints.push(hint))
    await eventually(async () => {
      await sender.gate('are you there?', null)
      expect(hints).not.toEqual([])
    })
    await join(sender)
    await eventually(() => expect(hints).toContainEqual({ lane: null, rank: null }))
  })

  test('that many inserts give are few', async () => {
    const listener = await open({ listenUrl: url })
    const sender = await open()
    const hints: (string | null)[] = []
    listener.onWork(({ lane }) => hints.push(lane))
    await eventually(async () => {
      await sender.gate('are you there?', null)
      expect(hints).toContain('are you there?')
    })
    const lanes = ['crm', 'erp'] as const
    await Promise.all(
      Array.from({ length: 400 }, (_, turn) =>
        sender.insert(newRequest({ lane: lanes[turn % 2] ?? LANE })),
      ),
    )
    await eventually(() => expect(hints).toEqual(expect.arrayContaining([...lanes])))
    expect(hints.length).toBeLessThan(100)
  })
})

describe('a claim', () => {
  test('reads indexes and nothing else, whatever waits and whatever is done', async () => {
    const store = await open()
    await join(store)
    await inserted(store, { total: 20 })
    await execute(
      url,
      `INSERT INTO batches (request, lane, state, start, rank, count, run_at)
       SELECT 1, '${LANE}', 'waiting', 0, n, 5, ${NOW + MINUTE} + n FROM generate_series(1, 100000) n`,
    )
    for (const table of ['verdicts', 'payloads', 'requests']) await fill(table)
    await execute(url, 'ANALYZE')
    // Statistics are always of some time ago.
    await execute(
      url,
      `INSERT INTO requests (id, tenant, priority, state, total, open, created_at, metadata, lanes, sources)
       SELECT 'new-' || n, 'default', 'LOW', 'pending', 5, 1, 0, '{}', '["erp"]', '{}'
       FROM generate_series(1, 9000) n`,
    )
    const parameters = [NOW, 'worker-1', [LANE], [20], ['Infinity'], [0], [4], [1], [false]]
    const [row] = await execute(url, `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${LEASE}`, parameters)
    const plan = JSON.stringify(row)
    const scanned = [...plan.matchAll(/"Node Type":"Seq Scan"[^{}]*"Relation Name":"(\w+)"/g)]
    const small = ['workers', 'systems']
    expect(
      scanned.map(([, table]) => table).filter((table) => !small.includes(table ?? '')),
    ).toEqual([])
    for (const index of ['batches_ready_by_rank', 'batches_ready_by_age', 'payloads_pkey']) {
      expect(plan).toContain(`"Index Name":"${index}"`)
    }
    const touched = Number(/"Shared Hit Blocks":(\d+)/.exec(plan)?.[1])
    expect(touched).toBeLessThan(400)
    expect(mostRows(plan)).toBeLessThan(100)
  })

  test('goes through some of the batches of a closed request, however many are in front', async () => {
    const store = await open()
    await join(store)
    const request = await inserted(store)
    await claimedOne(store)
    await store.cancel(TENANT, request.id, NOW)
    await execute(
      url,
      `INSERT INTO batches (request, lane, state, start, rank, count)
       SELECT request, lane, 'ready', n, n, 5 FROM batches, generate_series(1, 100000) n`,
    )
    await execute(url, 'ANALYZE')
    const parameters = [NOW, 'worker-1', [LANE], [20], ['Infinity'], [0], [4], [1], [false]]
    const [row] = await execute(url, `EXPLAIN (ANALYZE, FORMAT JSON) ${LEASE}`, parameters)
    expect(mostRows(JSON.stringify(row))).toBeLessThan(20_000)
  })
})

test.each(['C', 'en'])(
  'flows are locked in one order for all, in a database whose language is %s',
  async (language) => {
    const at = await databaseIn(language)
    const store = await open({ url: at })
    await join(store)
    const request = { batches: ['a', 'B', 'ä'].map((lane, at) => newBatch([at], { lane })) }
    await inserted(store, request)
    await execute(
      at,
      `CREATE TABLE locked (place serial, lane text);
       CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN
         INSERT INTO locked (lane) VALUES (new.lane);
         RETURN new;
       END $$;
       CREATE TRIGGER note BEFORE UPDATE ON flows FOR EACH ROW EXECUTE FUNCTION note()`,
    )
    const locked = async () => {
      const noted =
        'WITH noted AS (DELETE FROM locked RETURNING *) SELECT * FROM noted ORDER BY place'
      const rows = await execute(at, noted)
      return rows.map(({ lane }) => lane)
    }
    const order = ['B', 'a', 'ä']
    await inserted(store, request)
    expect(await locked()).toEqual(order)
    const batches = await Promise.all(order.map((lane) => claimedOne(store, { lane })))
    await store.settle(
      batches.map((batch) => done(batch)),
      NOW,
    )
    expect(await locked()).toEqual(order)
    await received(store, request)
    expect(await locked()).toEqual(order)
    await released(store)
    expect(await locked()).toEqual(order)
    await execute(
      at,
      `DELETE FROM batches; UPDATE verdicts SET completed = 1;
       INSERT INTO verdicts SELECT batch, 1, 0, 0 FROM payloads ON CONFLICT DO NOTHING`,
    )
    expect((await swept(store, NOW, 0)).repaired).toHaveLength(2)
    expect(await locked()).toEqual([...order, ...order])
  },
)

test.each([10, 10_000])('pages of %d requests are listed from an index', async (limit) => {
  await fill('requests')
  await execute(url, 'ANALYZE requests')
  const wanted = [
    ['failed', 'completed'],
    ['HIGH', 'LOW'],
  ]
  const parameters = [TENANT, '', 'p', limit, ...wanted]
  const explain = `EXPLAIN (ANALYZE, FORMAT JSON) ${REQUESTS_IN}`
  const [row] = await execute(url, explain, parameters)
  const plan = JSON.stringify(row)
  expect(plan).not.toMatch(/"Node Type":"Seq Scan"[^{}]*"Relation Name":"requests"/)
  expect(plan).toContain('"Index Name":"requests_listed"')
  expect(mostRows(plan)).toBeLessThanOrEqual(limit)
})

/** How many rows one step of a plan came by at a time, at most. */
function mostRows(plan: string): number {
  const rows = plan.matchAll(/"(?:Actual Rows|Rows Removed by Filter)":([\d.]+)/g)
  return Math.max(...[...rows].map(([, count]) => Number(count)))
}

/** An empty database that sorts texts as a language does, until the test is over. */
async function databaseIn(language: string): Promise<string> {
  const name = `sorted_${language.toLowerCase()}`
  const provider = language === 'C' ? '' : `LOCALE_PROVIDER icu ICU_LOCALE '${language}'`
  await execute(url, `CREATE DATABASE ${name} TEMPLATE template0 ${provider}`)
  onTestFinished(async () => {
    await execute(url, `DROP DATABASE ${name} WITH (FORCE)`)
  })
  const at = new URL(url)
  at.pathname = `/${name}`
  return at.href
}

/** A hundred thousand rows of history. */
function fill(table: string) {
  const rows: Readonly<Record<string, string>> = {
    verdicts: `INSERT INTO verdicts SELECT 1000000 + n, 5, 0, 0, '[]'`,
    payloads: `INSERT INTO payloads SELECT 1000000 + n, n, 'crm', 0, 4, 5, NULL, '{}'`,
    requests: `INSERT INTO requests (id, tenant, priority, state, total, completed, open, created_at,
      finished_at, metadata, lanes, sources)
      SELECT 'old-' || n, 'default', 'LOW', 'completed', 5, 5, 0, 0, ${NOW}, '{}', '["crm"]', '{}'`,
  }
  return execute(url, `${rows[table]} FROM generate_series(1, 100000) n`)
}

test.each(['a\0b', 'a\ud800b'])(
  'a name that PostgreSQL cannot hold (%j) is another name, and no error',
  async (name) => {
    const store = await open()
    await join(store)
    const request = await inserted(store, { lane: name })
    const [{ lane } = { lane: '' }] = (await store.work(NOW)).lanes
    expect(lane).toBe('a\ufffdb')
    await store.settle([done(await claimedOne(store, { lane }))], NOW)
    expect(await audited(store, request)).toMatchObject({ state: 'completed' })
    expect(await store.totals()).toEqual({ activeRequests: 0, openMappings: 0 })
    expect(await store.request(TENANT, name)).toBeNull()
    expect(await store.system(name)).toMatchObject({ open: 0 })
  },
)

describe('the sweep', () => {
  test('mends a counter that does not agree with the batches, and tells', async () => {
    const store = await open()
    await join(store)
    const request = await inserted(store, { total: 10 })
    await store.settle([done(await claimedOne(store))], NOW)
    await execute(url, 'UPDATE requests SET completed = 3, failed = 1, open = 2')
    expect(await swept(store, NOW, 0)).toEqual({ rescued: [], repaired: [request.id], deleted: 0 })
    expect(await audited(store, request)).toMatchObject({ completed: 5, failed: 0 })
    expect(await swept(store, NOW, 0)).toEqual({ rescued: [], repaired: [], deleted: 0 })
    await store.settle([done(await claimedOne(store))], NOW)
    expect(await audited(store, request)).toMatchObject({ state: 'completed', completed: 10 })
  })

  test('gives up groups of failures that do not add up, for one that does, and tells', async () => {
    const store = await open()
    await join(store)
    const request = await inserted(store, { total: 10 })
    await store.settle([done(await claimedOne(store), { failed: 3 })], NOW)
    await execute(url, 'UPDATE failure_groups SET count = 2')
    expect((await swept(store, NOW, 0)).repaired).toEqual([request.id])
    const groups = await store.failures(TENANT, request.id)
    expect(groups).toMatchObject([{ target: null, code: REST_CODE, count: 3 }])
    expect((await swept(store, NOW, 0)).repaired).toEqual([])
  })

  test('mends a large request as well, whose pieces are counted one after the other', async () => {
    const store = await open()
    await join(store)
    const request = await inserted(store, { total: 10_100, batchSize: 5 })
    await store.settle([done(await claimedOne(store))], NOW)
    await execute(url, 'UPDATE requests SET completed = 3, open = 2000')
    expect((await swept(store, NOW, 0)).repaired).toEqual([request.id])
    expect(await store.request(TENANT, request.id)).toMatchObject({ completed: 5 })
    expect((await swept(store, NOW, 0)).repaired).toEqual([])
  })

  test('finishes a request that ought to be finished, and tells', async () => {
    const store = await open()
    await join(store)
    const request = await inserted(store, { total: 5 })
    await store.settle([done(await claimedOne(store), { failed: 1 })], NOW)
    await execute(
      url,
      `UPDATE requests SET state = 'in_progress', finished_at = NULL, completed = 0, open = 1`,
    )
    expect((await swept(store, NOW, 0)).repaired).toEqual([request.id])
    const mended = { state: 'failed', completed: 4, failed: 1, finishedAt: NOW }
    expect(await store.request(TENANT, request.id)).toMatchObject(mended)
  })

  test('queues the callback of a request that it finishes, once', async () => {
    const store = await open()
    await join(store)
    const request = await inserted(store)
    await store.settle([done(await claimedOne(store))], NOW)
    for (let time = 0; time < 2; time += 1) {
      await execute(
        url,
        `UPDATE requests SET state = 'in_progress', finished_at = NULL, open = 1,
           callback_url = 'https://a.example/' WHERE tenant = '${TENANT}'`,
      )
      expect((await swept(store, NOW, 0)).repaired).toContain(request.id)
      expect(await store.system('callback:https://a.example')).toMatchObject({ open: 1 })
    }
    expect(await claimed(store, { lane: 'callback:https://a.example' })).toHaveLength(1)
  })

  test('takes back what is leased to a worker that nobody knows', async () => {
    const store = await open()
    await join(store)
    await inserted(store)
    await claimedOne(store)
    await execute(url, 'DELETE FROM workers')
    expect((await swept(store, NOW, 0)).rescued).toEqual([{ worker: 'worker-1', batches: 1 }])
  })

  test('leaves not one row of a request that it deletes', async () => {
    const store = await open()
    await join(store)
    await inserted(store, { total: 12, idempotency: { key: 'key', fingerprint: 'fingerprint' } })
    for (const batch of await claimed(store)) await store.settle([done(batch)], NOW)
    await store.leave('worker-1')
    const later = NOW + DAY
    expect(await swept(store, later, NOW + 1)).toMatchObject({ deleted: 1 })
    await cleared(store, later)
    for (const table of ['requests', 'batches', 'payloads', 'verdicts', 'flows', 'request_lanes']) {
      expect(await execute(url, `SELECT * FROM ${table}`)).toEqual([])
    }
    expect(await execute(url, 'SELECT * FROM idempotency_keys')).toEqual([])
  })
})

/** Opens a store that goes by the caller's time, and is closed when the test is over. */
async function open(options: Partial<PostgresOptions> = {}): Promise<Store> {
  const store = await openPostgresStore({
    ...{ url, listenUrl: null, connections: 5, migrate: true, clock: 'caller' },
    ...options,
  })
  onTestFinished(() => store.close())
  return store
}
