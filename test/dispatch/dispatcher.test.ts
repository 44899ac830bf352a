import { beforeEach, describe, expect, test } from 'vitest'
import { LIFETIME_MS } from '../../src/dispatch/membership.ts'
import { openMemoryStore } from '../../src/store/sqlite/memory.ts'
import { type Store, StoreUnavailable } from '../../src/store/store.ts'
import { LANE } from '../support/requests.ts'
import { DELIVERED, refused, Stage } from './stage.ts'

let stage: Stage

beforeEach(async () => {
  stage = await Stage.open()
})

/** Answers each mapping's first calls so, one after the other, and the rest with success. */
function firstAnswers(...answers: readonly ReturnType<typeof refused>[]) {
  const asked = new Map<string, number>()
  return ({ id }: { readonly id: string }) => {
    const call = asked.get(id) ?? 0
    asked.set(id, call + 1)
    return answers[call] ?? DELIVERED
  }
}

describe('a mapping that fails for a while', () => {
  test('is tried again when its wait is over, and every attempt is counted', async () => {
    stage.answer = firstAnswers(refused(500), refused(502))
    stage.start()
    const request = await stage.post({ total: 1 })
    const [result] = await stage.finished(request)
    expect(result).toMatchObject({ state: 'completed', attempts: 3 })
    const [first = 0, second = 0, third = 0] = stage.calls.map(({ at }) => at)
    // Half of 100 ms, and then half of 200, after an answer that took 10.
    expect(second - first).toBeGreaterThanOrEqual(60)
    expect(third - second).toBeGreaterThanOrEqual(110)
  })

  test('does not wait for the next poll, however short its wait is', async () => {
    stage.rules = { ...stage.rules, retry: { attempts: 3, first: 2, cap: 2 } }
    stage.answer = firstAnswers(refused(500), refused(500))
    stage.start()
    const postedAt = stage.clock.now()
    await stage.finished(await stage.post({ total: 12, batchSize: 1 }))
    expect(stage.clock.now() - postedAt).toBeLessThan(1000)
  })

  test('nor does one that is due after another of its lane', async () => {
    stage.rules = { ...stage.rules, retry: { attempts: 3, first: 400, cap: 400 } }
    stage.answer = firstAnswers(refused(500))
    stage.start()
    await stage.pass(300)
    const postedAt = stage.clock.now()
    const first = await stage.post({ total: 1 })
    await stage.pass(100)
    const second = await stage.post({ total: 2 })
    await stage.finished(first)
    await stage.finished(second)
    expect(stage.clock.now() - postedAt).toBeLessThan(600)
  })

  test('fails with its last attempt, and its neighbours do not', async () => {
    stage.answer = ({ id }) => (id === 'map_2' ? refused(500) : DELIVERED)
    stage.start()
    const results = await stage.finished(await stage.post({ total: 5 }))
    expect(results.map(({ state, attempts }) => [state, attempts])).toEqual([
      ['completed', 1],
      ['completed', 1],
      ['failed', 3],
      ['completed', 1],
      ['completed', 1],
    ])
    expect(stage.calls).toHaveLength(4 + 3)
  })
})

test('a system’s concurrency holds while a worker joins, however long the calls take', async () => {
  stage.latency = 30_000
  stage.start()
  await stage.post({ total: 100 })
  await stage.until(() => stage.calls.length > 0)
  stage.start()
  await stage.pass(4 * stage.latency)
  for (const { at } of stage.calls) {
    const underWay = stage.calls.filter((other) => other.at <= at && at < other.at + stage.latency)
    expect(underWay.length).toBeLessThanOrEqual(stage.rules.limits.concurrency)
  }
})

test.each([
  ['as soon as the group before is there, where nothing else is in hand', [10, 20], 30],
  ['40 ms after the group before, where more is', [10, 20, 500], 40],
])('what was done is written %s', async (_, latencies, gap) => {
  const arrivals: number[] = []
  const { settle } = stage.store
  Object.assign(stage.store, {
    settle: (...parameters: Parameters<typeof settle>) => {
      arrivals.push(stage.clock.now())
      return settle(...parameters)
    },
  })
  stage.latencyOf = ({ id }) => latencies[Number(id.replace('map_', ''))] ?? 0
  stage.start()
  await stage.finished(await stage.post({ total: latencies.length, batchSize: 1 }))
  const [first = 0, second = 0] = arrivals
  expect(second - first).toBe(gap)
})

test('a claim that is carried out long after it was given up leaves nothing behind', async () => {
  const store = await openMemoryStore()
  const nothing = { batches: [], closed: [], due: [] }
  let isFirst = true
  let isLate = true
  const claim: Store['claim'] = async (worker, wants, now) => {
    if (!isLate) return store.claim(worker, wants, now)
    if (!isFirst) return nothing
    isFirst = false
    stage.clock.after(5000, () => {
      isLate = false
      void store.claim(worker, wants, now)
    })
    throw new StoreUnavailable('the answer was lost')
  }
  stage = new Stage({ ...store, claim })
  stage.start()
  const request = await stage.post({ total: 5 })
  const results = await stage.finished(request)
  expect(results.map(({ state }) => state)).toEqual(Array(5).fill('completed'))
})

test('a claim whose answer was lost is made up for within seconds', async () => {
  const store = await openMemoryStore()
  let isFirst = true
  const claim: Store['claim'] = async (worker, wants, now) => {
    const claimed = await store.claim(worker, wants, now)
    if (!isFirst) return claimed
    isFirst = false
    throw new StoreUnavailable('the answer was lost')
  }
  stage = new Stage({ ...store, claim })
  stage.start()
  const postedAt = stage.clock.now()
  await stage.finished(await stage.post({ total: 5 }))
  expect(stage.clock.now() - postedAt).toBeLessThan(3000)
})

test('nothing is called before a worker knows what operators have said', async () => {
  const store = await openMemoryStore()
  let isFirst = true
  const work: Store['work'] = async (now) => {
    if (!isFirst) return store.work(now)
    isFirst = false
    throw new StoreUnavailable('the answer was lost')
  }
  stage = new Stage({ ...store, work })
  await stage.store.override(LANE, { concurrency: 1 })
  stage.latency = 60_000
  stage.start()
  await stage.until(() => stage.events.some(({ event }) => event === 'worker_joined'))
  await stage.post({ total: 20 })
  await stage.pass(10_000)
  expect(stage.calls).toHaveLength(1)
})

describe('what is known of a batch', () => {
  /** The batches that were written while they went on, one for each time. */
  function checkpoints(): readonly number[] {
    const written: number[] = []
    const { settle } = stage.store
    Object.assign(stage.store, {
      settle: (...[settlements, now]: Parameters<typeof settle>) => {
        for (const { batch, next } of settlements) if (next.state === 'leased') written.push(batch)
        return settle(settlements, now)
      },
    })
    return written
  }

  test('is written once a second while there is news', async () => {
    stage.latency = 100
    stage.start()
    const written = checkpoints()
    await stage.finished(await stage.post({ total: 200, batchSize: 200 }))
    // It takes five seconds.
    expect(written.length).toBeGreaterThanOrEqual(3)
    expect(written.length).toBeLessThanOrEqual(5)
  })

  test('is not written while there is none', async () => {
    stage.latency = 60_000
    stage.start()
    const written = checkpoints()
    await stage.post({ total: 4 })
    await stage.pass(30_000)
    expect(stage.calls).toHaveLength(4)
    expect(written).toEqual([])
  })

  test('is written only at its end where that comes within a second', async () => {
    stage.latency = 100
    stage.start()
    const written = checkpoints()
    for (let request = 0; request < 10; request += 1) {
      await stage.finished(await stage.post({ total: 20, batchSize: 20 }))
    }
    expect(written).toEqual([])
  })
})

test('a crash repeats about a second of calls, however large the batch', async () => {
  stage.latency = 250
  const worker = stage.start()
  const request = await stage.post({ total: 200, batchSize: 200 })
  await stage.until(() => stage.calls.length >= 100)
  worker.crash()
  stage.start()
  await stage.finished(request)
  const { concurrency } = stage.rules.limits
  const aSecond = concurrency * (1000 / stage.latency)
  expect(stage.calls.length).toBeGreaterThan(200)
  // Those under way are repeated, too, and those that ended while the checkpoint was being written.
  expect(stage.calls.length - 200).toBeLessThanOrEqual(aSecond + 2 * concurrency)
})

describe('a worker that others may have given up', () => {
  test.each([
    ['from what it has in hand', false],
    ['for what waits for its turn', true],
  ])('makes no call %s when it goes on after a while', async (_, readsAhead) => {
    const hung = stage.start()
    const calls: number[] = []
    stage.answer = (_, worker) => {
      if (worker === hung) calls.push(stage.clock.now())
      return DELIVERED
    }
    stage.latency = 1000
    if (readsAhead) {
      stage.read = () => ({ kind: 'record', record: {} })
      stage.sourceLimits = { concurrency: 100, rate: null }
      stage.rules = { ...stage.rules, readable: true }
    }
    await stage.post({ total: 100, batchSize: 100 })
    await stage.until(() => calls.length > 0)
    await stage.pass(500)
    const before = calls.length
    hung.hang(LIFETIME_MS)
    await stage.pass(LIFETIME_MS + 100)
    expect(calls).toHaveLength(before)
  })

  test('starts nothing of a claim that it made under its former name', async () => {
    const store = await openMemoryStore()
    const late = Promise.withResolvers<void>()
    let isFirst = true
    const claim: Store['claim'] = async (worker, wants, now) => {
      const claimed = await store.claim(worker, wants, now)
      if (claimed.batches.length === 0 || !isFirst) return claimed
      isFirst = false
      await late.promise
      return claimed
    }
    stage = new Stage({ ...store, claim })
    stage.latency = 60_000
    stage.start()
    await stage.post({ total: 4 })
    await stage.until(() => !isFirst)
    await store.leave('worker-1-1')
    await stage.until(() => stage.events.some(({ event }) => event === 'worker_lost'))
    stage.start()
    await stage.until(() => stage.calls.length > 0)
    late.resolve()
    await stage.pass(10_000)
    // Each of them is called by the other.
    const called = stage.calls.map(({ id }) => id)
    expect(new Set(called).size).toBe(called.length)
  })

  test('keeps what it has claimed anew when a settlement of before is refused', async () => {
    const store = await openMemoryStore()
    const late = Promise.withResolvers<void>()
    let isFirst = true
    const settle: Store['settle'] = async (settlements, now) => {
      if (isFirst) {
        isFirst = false
        await late.promise
      }
      return store.settle(settlements, now)
    }
    stage = new Stage({ ...store, settle })
    stage.start()
    const request = await stage.post({ total: 1 })
    await stage.until(() => !isFirst)
    await store.leave('worker-1-1')
    stage.latency = 20_000
    await stage.until(() => stage.calls.length > 1)
    late.resolve()
    await stage.finished(request)
    expect(stage.events.map(({ event }) => event)).toContain('settlement_refused')
    expect(stage.calls).toHaveLength(2)
  })
})

describe('a worker that is told to stop', () => {
  test('lets what is under way end, and gives back the rest, unblamed', async () => {
    const worker = stage.start()
    const request = await stage.post({ total: 20 })
    await stage.until(() => stage.calls.length > 0)
    const underWay = stage.calls.length
    let isStopped = false
    void worker.stop(stage.clock.now() + 10_000).then(() => {
      isStopped = true
    })
    await stage.until(() => isStopped)
    expect(stage.calls).toHaveLength(underWay)
    const completed = (await stage.results(request.id)).filter(({ state }) => state === 'completed')
    expect(completed).toHaveLength(underWay)
    const [lane] = (await stage.store.work(stage.clock.now())).lanes
    expect(lane).toMatchObject({ lane: LANE, due: null })

    stage.start()
    for (const result of await stage.finished(request)) {
      expect(result).toMatchObject({ state: 'completed', attempts: 1 })
    }
    expect(stage.calls).toHaveLength(20)
  })

  test('starts nothing of a claim that was under way, and gives it back', async () => {
    stage.latency = 5000
    const worker = stage.start()
    await stage.post({ total: 4 })
    await stage.until(() => stage.calls.length === 4)
    let isStopped = false
    const { claim } = stage.store
    Object.assign(stage.store, {
      claim: (...parameters: Parameters<typeof claim>) => {
        void worker.stop(stage.clock.now() + 60_000).then(() => {
          isStopped = true
        })
        return claim(...parameters)
      },
    })
    await stage.post({ total: 4, lane: 'erp' })
    await stage.until(() => isStopped)
    expect(stage.calls).toHaveLength(4)
    expect(await stage.store.system('erp')).toMatchObject({ open: 4, leased: 0 })
  })

  test('leaves no timer behind that would keep its process from ending', async () => {
    stage.rules = { ...stage.rules, retry: { attempts: 3, first: 60_000, cap: 60_000 } }
    stage.answer = ({ target }) => (target === LANE ? DELIVERED : refused(500))
    const worker = stage.start()
    await stage.post({ total: 1, lane: 'erp' })
    await stage.pass(2000)
    await stage.post({ total: 20 })
    await stage.until(() => stage.calls.length > 1)
    let isStopped = false
    void worker.stop(stage.clock.now() + 3_600_000).then(() => {
      isStopped = true
    })
    await stage.until(() => isStopped)
    expect(await stage.clock.step(Number.POSITIVE_INFINITY)).toBe(false)
  })

  test('asks the store for nothing afterwards, though it was told before it had started', async () => {
    const worker = stage.start()
    const stopped = worker.stop(stage.clock.now())
    await stage.pass(1000)
    await stopped
    let asked = 0
    const { work } = stage.store
    Object.assign(stage.store, {
      work: (now: number) => {
        asked += 1
        return work(now)
      },
    })
    await stage.pass(60_000)
    expect(asked).toBe(0)
  })
})
