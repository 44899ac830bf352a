/**
 * The line to PostgreSQL breaks before, and after, each statement of each call of the store: all of it
 * or nothing was written, and the same call, made again, leaves what a call without trouble leaves.
 */
import { afterAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { migrate } from '../../src/store/postgres/migrate.ts'
import { postgresStore } from '../../src/store/postgres/store.ts'
import { type Store, StoreUnavailable } from '../../src/store/store.ts'
import { closedAll } from '../contract/cancel.ts'
import {
  claimed,
  claimedOne,
  cleared,
  inserted,
  join,
  MINUTE,
  opened,
  received,
  released,
  settled,
  staged,
  swept,
  two,
  UNTIL,
} from '../contract/steps.ts'
import { emptyTables, execute, startPostgres } from '../support/postgres.ts'
import { type Line, startProxy } from '../support/proxy.ts'
import {
  done,
  LANE,
  NOW,
  newBatch,
  newRequest,
  piecesOf,
  rejectedBatch,
  TENANT,
  unfinished,
  wholeOf,
} from '../support/requests.ts'

const server = await startPostgres()
const { url } = server
await migrate(url)
afterAll(() => server.stop())
beforeEach(() => emptyTables(url))

/** Does what must have been done before, and gives the call. */
type Prepare = (store: Store) => Promise<(store: Store) => Promise<unknown>>

const GATE = { state: 'throttled', until: NOW + MINUTE, reason: 'busy' } as const
const REPORT = {
  ...{ at: NOW, concurrency: 1, perMinute: 1 },
  ...{ learned: null, learnedRate: null, lastError: null },
}

const ENDPOINT = { tenant: TENANT, url: 'https://a.example/gone' }

const WRITES: Readonly<Record<string, Prepare>> = {
  insert: async () => {
    const request = newRequest({ total: 12 })
    return (store) => store.insert(request)
  },
  'insert with a key': async () => {
    const request = newRequest({ total: 12, idempotency: { key: 'key', fingerprint: 'f' } })
    return (store) => store.insert(request)
  },
  open: async () => {
    const request = newRequest()
    return (store) => opened(store, request)
  },
  'open with a key': async () => {
    const request = newRequest({ idempotency: { key: 'key', fingerprint: 'f' } })
    return (store) => opened(store, request)
  },
  stage: async (store) => {
    const request = await staged(store, { total: 10 })
    const [piece] = piecesOf(newRequest({ total: 10 }))
    return (again) =>
      again.stage(request, { staged: 10, batches: piece?.batches ?? [] }, UNTIL, NOW)
  },
  'stage with what is not taken': async (store) => {
    const request = await staged(store, { total: 10 })
    const piece = { staged: 10, batches: [], rejected: [rejectedBatch([10]), rejectedBatch([11])] }
    return (again) => again.stage(request, piece, UNTIL, NOW)
  },
  complete: async (store) => {
    const batches = ['crm', 'erp'].map((lane, place) => newBatch([place], { lane }))
    const idempotency = { key: 'key', fingerprint: 'f' }
    const request = await staged(store, { batches, idempotency })
    return (again) => again.complete(request, wholeOf(request))
  },
  abandon: async (store) => {
    const request = await staged(store, { idempotency: { key: 'key', fingerprint: 'f' } })
    return (again) => again.abandon(request)
  },
  join: async () => (store) => store.join({ id: 'new', host: 'here' }, NOW + MINUTE),
  beat: async (store) => {
    await join(store)
    return (again) => again.beat('worker-1', NOW + MINUTE, NOW, 1)
  },
  leave: async (store) => {
    await holding(store)
    return (again) => again.leave('worker-1')
  },
  keep: async (store) => {
    const [kept] = await holding(store)
    return (again) => again.keep('worker-1', [kept.id])
  },
  settle: async (store) => {
    const [first, second] = await holding(store)
    const settlements = [done(first, { failed: 1 }), unfinished(second, { state: 'ready' })]
    return (again) => again.settle(settlements, NOW)
  },
  'settle, with callbacks': async (store) => {
    await join(store)
    const terms = { callbackUrl: 'https://a.example/' }
    for (let n = 0; n < 2; n += 1) await inserted(store, { terms })
    const settlements = (await claimed(store)).map((batch) => done(batch))
    return (again) => again.settle(settlements, NOW)
  },
  disableCallback: async () => (store) => store.disableCallback(ENDPOINT, NOW),
  enableCallbacks: async (store) => {
    await store.disableCallback(ENDPOINT, NOW)
    return (again) => again.enableCallbacks('callback:https://a.example')
  },
  gate: async () => (store) => store.gate(LANE, GATE),
  probe: async (store) => {
    await store.gate(LANE, { ...GATE, until: NOW })
    return (again) => again.probe(LANE, NOW)
  },
  report: async (store) => {
    await join(store)
    return (again) => again.report('worker-1', [{ system: LANE, report: REPORT }])
  },
  override: async () => (store) => store.override(LANE, { paused: true, concurrency: 3 }),
  resume: async (store) => {
    await store.gate(LANE, GATE)
    return (again) => again.resume(LANE, NOW)
  },
  touch: async () => (store) => store.touch(),
}

/** These take several transactions, and say so: each of them is whole, and a repeat does the rest. */
const IN_STEPS: Readonly<Record<string, Prepare>> = {
  'claim, after giving back what may have been claimed': async (store) => {
    await join(store)
    await inserted(store, { total: 10 })
    const held = await claimedOne(store)
    await settled(store, [unfinished(held, { state: 'waiting', runAt: NOW - 1 })])
    return async (again) => {
      await again.keep('worker-1', [])
      return claimed(again)
    }
  },
  'two settlements of a batch': async (store) => {
    const [batch] = await holding(store)
    const first = unfinished(batch, { state: 'leased' }, { completed: 1, failed: 1 })
    return (again) => again.settle([first, done(batch, { failed: 2 })], NOW)
  },
  'cancel, and closing what it leaves': async (store) => {
    await holding(store)
    const request = await inserted(store, { total: 12 })
    return async (again) => {
      await again.cancel(TENANT, request.id, NOW)
      await closedAll(again, NOW)
    }
  },
  'closing what has expired': async (store) => {
    await inserted(store, { total: 12, terms: { expiresAt: NOW } })
    return (again) => closedAll(again, NOW)
  },
  'letting go of what was cancelled, or the sweep that makes up for it': async (store) => {
    const [batch] = await holding(store)
    await store.cancel(TENANT, batch.request, NOW)
    const letGo = unfinished(batch, { state: 'ready' }, { completed: 1 })
    return async (again) => {
      await again.settle([letGo], NOW)
      await swept(again, NOW, 0)
      await closedAll(again, NOW)
    }
  },
  release: async (store) => {
    await received(store, { total: 10 })
    return (again) => released(again)
  },
  clear: async (store) => {
    await inserted(store, { total: 10 })
    await staged(store, { total: 10, idempotency: { key: 'key', fingerprint: 'f' } })
    return (again) => cleared(again, UNTIL + 1)
  },
  sweep: async (store) => {
    await holding(store)
    const later = NOW + 400 * 24 * 60 * MINUTE
    return (again) => swept(again, later, later - MINUTE)
  },
}

const READS: Readonly<Record<string, (store: Store) => Promise<unknown>>> = {
  work: (store) => store.work(NOW),
  request: (store) => store.request(TENANT, 'none'),
  keyed: (store) => store.keyed(TENANT, 'none'),
  requests: (store) =>
    store.requests(TENANT, {
      ...{ state: null, priority: null, createdAfter: null, before: null, limit: 10 },
    }),
  batches: (store) => store.batches(TENANT, 'none', { from: 0, to: 10, reaching: 0, state: null }),
  firstBatches: (store) => store.firstBatches(TENANT, ['none']),
  failures: (store) => store.failures(TENANT, 'none'),
  received: (store) => store.received({ tenant: TENANT, id: 'none' }, 0, 10),
  totals: (store) => store.totals(),
  waiting: (store) => store.waiting(TENANT, ['none']),
  systemNames: (store) => store.systemNames('', 10),
  system: (store) => store.system(LANE),
  systems: (store) => store.systems([LANE, 'none']),
  load: (store) => store.load(LANE, { tenant: TENANT, priority: 'LOW', mappings: 5 }),
  isCallbackDisabled: (store) => store.isCallbackDisabled(ENDPOINT),
}

describe('a line that breaks at any statement of', () => {
  test.each(Object.entries(WRITES))('%s leaves all of it or nothing', async (_, prepare) => {
    const { before, after } = await undisturbed(prepare)
    const outcomes = await atEachStatement(prepare)
    // Each call has a statement, which is lost on its way there and on its way back.
    expect(outcomes.length).toBeGreaterThanOrEqual(2)
    for (const { broken, repeated } of outcomes) {
      expect([before, after]).toContainEqual(broken)
      expect(repeated).toEqual(after)
    }
  })

  test.each(Object.entries(IN_STEPS))('%s leaves what a repeat completes', async (_, prepare) => {
    const { after } = await undisturbed(prepare)
    const outcomes = await atEachStatement(prepare)
    expect(outcomes.length).toBeGreaterThanOrEqual(4)
    for (const { repeated } of outcomes) expect(repeated).toEqual(after)
  })

  test.each(Object.entries(READS))('%s is told, and answers when asked again', async (_, read) => {
    const { store, proxy } = await behindProxy()
    onTestFinished(() => store.close())
    for (const lose of [() => proxy.loseStatement(1), () => proxy.loseAnswer(1)]) {
      const answer = await read(store)
      lose()
      await expect(read(store)).rejects.toThrow(StoreUnavailable)
      expect(await read(store)).toEqual(answer)
    }
  })
})

/** What a call finds, and what it leaves when nothing goes wrong. */
async function undisturbed(prepare: Prepare) {
  const store = open(url)
  const call = await prepare(store)
  const before = await contents()
  await call(store)
  await store.close()
  return { before, after: await contents() }
}

/** Breaks the line before the n-th statement of a call, and after it, until the call has no n-th. */
async function atEachStatement(prepare: Prepare) {
  const outcomes: { broken: unknown; repeated: unknown }[] = []
  const ways = [
    (line: Line, n: number) => line.loseStatement(n),
    (line: Line, n: number) => line.loseAnswer(n),
  ]
  for (const lose of ways) {
    for (let n = 1; ; n++) {
      await emptyTables(url)
      const preparing = open(url)
      const call = await prepare(preparing)
      await preparing.close()
      const { store, proxy } = await behindProxy()
      lose(proxy, n)
      const error = await call(store).then(
        () => null,
        (error: unknown) => error,
      )
      if (!proxy.mend()) {
        await store.close()
        expect(error).toBeNull()
        break
      }
      if (error !== null) expect(error).toBeInstanceOf(StoreUnavailable)
      const broken = await contents()
      // Whoever was told that it was done does not ask again.
      if (error !== null) await call(store)
      outcomes.push({ broken, repeated: await contents() })
      await store.close()
    }
  }
  return outcomes
}

/** Everything that is stored, but for numbers and times, which differ from run to run. */
async function contents() {
  const [row] = await execute(
    url,
    `SELECT
       ARRAY(SELECT (state, total, completed, failed, cancelled, open, lanes, receiving_until,
           release_at, closing, CASE WHEN finished_at IS NULL THEN closing_from END)::text
         FROM requests ORDER BY seq) AS requests,
       ARRAY(SELECT (lane, state, start, rank, worker, rescues, completed, failed)::text FROM batches
         ORDER BY id) AS batches,
       ARRAY(SELECT (lane, start, step)::text FROM releases ORDER BY lane) AS releases,
       ARRAY(SELECT verdicts FROM verdicts ORDER BY batch) AS verdicts,
       ARRAY(SELECT (target, code, count)::text FROM failure_groups ORDER BY code) AS failures,
       (SELECT count(*) FROM payloads) AS payloads,
       ARRAY(SELECT (lane, open)::text FROM request_lanes ORDER BY lane) AS request_lanes,
       ARRAY(SELECT (lane, tenant, priority, requests, mappings)::text FROM flows ORDER BY lane) AS flows,
       ARRAY(SELECT (key, fingerprint)::text FROM idempotency_keys) AS keys,
       ARRAY(SELECT (tenant, url, lane)::text FROM disabled_callbacks) AS disabled,
       ARRAY(SELECT (id, deadline)::text FROM workers ORDER BY id) AS workers,
       ARRAY(SELECT report FROM reports) AS reports,
       ARRAY(SELECT s::text FROM systems s) AS systems,
       (SELECT count(*) FROM scratch) AS scratch`,
  )
  return row
}

/** A worker that holds two batches of five. */
async function holding(store: Store) {
  await join(store)
  await inserted(store, { total: 10 })
  return two(await claimed(store))
}

function open(at: string, connections = 5): Store {
  return postgresStore({ url: at, listenUrl: null, connections, clock: 'caller' })
}

/** A store of one connection, which it has already, and the line to break. */
async function behindProxy() {
  const proxy = await startProxy(url)
  const store = open(proxy.url, 1)
  await store.totals()
  return { store, proxy }
}
