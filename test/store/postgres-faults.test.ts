/** The PostgreSQL store when its database, or the line to it, fails: F12 to F17. */
import { afterAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { openPostgresStore, type PostgresOptions } from '../../src/store/postgres/store.ts'
import { type Store, StoreUnavailable } from '../../src/store/store.ts'
import { audited, claimed, inserted, join, listed, settled } from '../contract/steps.ts'
import { eventually } from '../support/eventually.ts'
import { emptyTables, execute, startPostgres } from '../support/postgres.ts'
import { type Line, startProxy } from '../support/proxy.ts'
import { done, NOW, newRequest } from '../support/requests.ts'

const server = await startPostgres()
const { url } = server
afterAll(() => server.stop())

describe('when the answer to a commit is lost', () => {
  test.each([
    ['without a key', null],
    ['with a key', { key: 'key', fingerprint: 'f' }],
  ])('an insert %s finds out that it took place', async (_, idempotency) => {
    const { store, proxy } = await behindProxy()
    const request = newRequest({ total: 12, idempotency })
    expect(await loseAnswerTo(proxy, store, () => store.insert(request))).toEqual({
      kind: 'inserted',
    })
    expect(await listed(store)).toEqual([request.id])
    expect((await audited(store, request)).total).toBe(12)
  })

  test('a settlement counts once, though it is written again', async () => {
    const { store, proxy } = await behindProxy()
    const other = await open()
    await join(other)
    const request = await inserted(other, { total: 10 })
    const batches = (await claimed(other)).map((batch) => done(batch))
    await expect(loseAnswerTo(proxy, store, () => store.settle(batches, NOW), 1)).rejects.toThrow(
      StoreUnavailable,
    )
    const again = await store.settle(batches, NOW)
    expect(again.refused).toHaveLength(2)
    expect(await audited(store, request)).toMatchObject({ state: 'completed', completed: 10 })
  })

  test('what was claimed is given back by who does not know of it', async () => {
    const { store, proxy } = await behindProxy()
    const other = await open()
    await join(other)
    await inserted(other, { total: 10 })
    await expect(loseAnswerTo(proxy, store, () => claimed(store))).rejects.toThrow(StoreUnavailable)
    await store.keep('worker-1', [])
    const again = await claimed(store)
    expect(again.map(({ token, rescues }) => ({ token, rescues }))).toEqual([
      { token: 2, rescues: 0 },
      { token: 2, rescues: 0 },
    ])
  })
})

test('a connection that ends with the word that it is ready does not end the process', async () => {
  const { store, proxy } = await behindProxy()
  proxy.turnAway()
  await expect(store.totals()).rejects.toThrow(StoreUnavailable)
  expect(await store.totals()).toEqual({ activeRequests: 0, openMappings: 0 })
})

test('a line that goes silent is given up, and the next call has a new one', async () => {
  const { store, proxy } = await behindProxy({ connections: 1 })
  await store.totals()
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => {
    vi.useRealTimers()
  })
  proxy.goSilent()
  const asked = expect(store.totals()).rejects.toThrow(StoreUnavailable)
  await vi.advanceTimersByTimeAsync(16_000)
  await asked
  vi.useRealTimers()
  proxy.speak()
  expect(await store.totals()).toEqual({ activeRequests: 0, openMappings: 0 })
})

test('an ear that has gone deaf without a word is noticed, and replaced', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] })
  onTestFinished(() => {
    vi.useRealTimers()
  })
  const line = await startProxy(url)
  const listener = await open({ listenUrl: line.url })
  const sender = await open()
  const hints = new Set<string | null>()
  listener.onWork(({ lane }) => hints.add(lane))
  const hears = (lane: string) =>
    eventually(async () => {
      await sender.gate(lane, null)
      expect(hints).toContain(lane)
    })
  await hears('before')
  line.goSilent()
  line.speak()
  await vi.advanceTimersByTimeAsync(10_000)
  await vi.advanceTimersByTimeAsync(6000)
  await hears('after')
})

test('a call that gets no connection is told so, and waits no longer', async () => {
  const store = await open({ connections: 1 })
  const holder = await open({ connections: 1 })
  await join(store)
  const blocked = execute(url, `BEGIN; LOCK TABLE flows; SELECT pg_sleep(7); COMMIT`)
  await eventually(async () => {
    expect(
      await execute(url, `SELECT 1 FROM pg_locks WHERE relation = 'flows'::regclass AND granted`),
    ).toHaveLength(1)
  })
  const first = store.totals()
  await expect(store.totals()).rejects.toThrow(StoreUnavailable)
  await blocked
  await first
  expect(await holder.totals()).toEqual(await store.totals())
})

test.each(['English', 'Czech'])(
  'a transaction that got in another’s way is run again, by a server that speaks %s',
  async (language) => {
    const { store, proxy } = await behindProxy()
    if (language === 'Czech') proxy.speakCzech()
    await join(store)
    const request = await inserted(store, { total: 5 })
    const batches = await claimed(store)
    await execute(
      url,
      `CREATE SEQUENCE attempts;
     CREATE FUNCTION fail_twice() RETURNS trigger LANGUAGE plpgsql AS $$
     BEGIN
       IF nextval('attempts') <= 2 THEN
         RAISE EXCEPTION 'made up' USING ERRCODE = '40P01';
       END IF;
       RETURN new;
     END $$;
     CREATE TRIGGER deadlock BEFORE UPDATE ON requests
     FOR EACH ROW EXECUTE FUNCTION fail_twice()`,
    )
    onTestFinished(async () => {
      await execute(
        url,
        'DROP TRIGGER deadlock ON requests; DROP FUNCTION fail_twice; DROP SEQUENCE attempts',
      )
    })
    await settled(
      store,
      batches.map((batch) => done(batch)),
    )
    expect(await audited(store, request)).toMatchObject({ state: 'completed', completed: 5 })
  },
)

test('while the database is away every call is told so, and after its return all goes on', async () => {
  const store = await open({ listenUrl: url })
  store.onWork(() => {})
  await join(store)
  const request = await inserted(store, { total: 500 })
  const batches = await claimed(store)
  const working = work(store)
  await server.crash()
  await expect(store.totals()).rejects.toThrow(StoreUnavailable)
  await expect(store.insert(newRequest())).rejects.toThrow(StoreUnavailable)
  await expect(store.settle([], NOW)).resolves.toEqual({ refused: [], finished: [] })
  await server.restart()
  working.stop()
  for (const error of await working.errors) expect(error).toBeInstanceOf(StoreUnavailable)

  await join(store)
  await settled(
    store,
    batches.map((batch) => done(batch)),
  )
  expect(await audited(store, request)).toMatchObject({ state: 'completed', completed: 500 })
})

/** Touches the store again and again; gives what went wrong. */
function work(store: Store) {
  let stopped = false
  async function run(): Promise<readonly unknown[]> {
    const errors: unknown[] = []
    while (!stopped) await store.touch().catch((error) => errors.push(error))
    return errors
  }
  const lanes = [run(), run(), run()]
  const stop = () => {
    stopped = true
  }
  return { stop, errors: Promise.all(lanes).then((lists) => lists.flat()) }
}

async function open(options: Partial<PostgresOptions> = {}): Promise<Store> {
  const store = await openPostgresStore({
    ...{ url, listenUrl: null, connections: 5, migrate: true, clock: 'caller' },
    ...options,
  })
  onTestFinished(() => store.close())
  await emptyTables(url)
  return store
}

/** A store of one connection, whose line can be broken. */
async function behindProxy({ connections = 1 } = {}) {
  const proxy = await startProxy(url)
  const store = await open({ url: proxy.url, connections })
  return { proxy, store }
}

/**
 * Loses the answer to a statement of a call: mostly the second, for the first only reads. Nothing was done
 * with the store before that others would be told of: that is a statement, too.
 */
async function loseAnswerTo<T>(
  proxy: Line,
  store: Store,
  call: () => Promise<T>,
  statement = 2,
): Promise<T> {
  await store.totals()
  proxy.loseAnswer(statement)
  return call()
}
