/** What goes on at once, and not when the store is asked the next time what there is to do. */
import { beforeEach, describe, expect, test } from 'vitest'
import { sleep } from '../../src/lib/clock.ts'
import { openMemoryStore } from '../../src/store/sqlite/memory.ts'
import { type Store, StoreUnavailable } from '../../src/store/store.ts'
import { LANE } from '../support/requests.ts'
import { DELIVERED, refused, Stage } from './stage.ts'

let stage: Stage

beforeEach(async () => {
  const store = await openMemoryStore()
  // Whoever asks what there is to do is told of no lane: what was forgotten stays so.
  const work: Store['work'] = async (now) => ({ ...(await store.work(now)), lanes: [] })
  stage = new Stage({ ...store, work })
})

/** Starts a worker that has done already what it does first of all. */
async function start(): Promise<void> {
  stage.start()
  await stage.pass(2000)
}

/** Does something while the next claim is under way; gives how many claims were, at most, at once. */
function duringClaim(act: () => Promise<unknown>): { readonly most: number } {
  const { claim } = stage.store
  const seen = { underWay: 0, most: 0, isOver: false }
  Object.assign(stage.store, {
    claim: async (...parameters: Parameters<typeof claim>) => {
      seen.underWay += 1
      seen.most = Math.max(seen.most, seen.underWay)
      const claimed = await claim(...parameters)
      if (!seen.isOver) {
        seen.isOver = true
        await act()
        await sleep(stage.clock, 500)
      }
      seen.underWay -= 1
      return claimed
    },
  })
  return seen
}

describe('work that comes while a claim is under way', () => {
  test.each([LANE, 'erp'])('is claimed with the next one, for %s', async (lane) => {
    await start()
    const claims = duringClaim(() => stage.post({ total: 5, lane }))
    await stage.post({ total: 1 })
    await stage.pass(800)
    expect(stage.calls).toHaveLength(6)
    expect(claims.most).toBe(1)
  })

  test('overtakes what is in hand, though less urgent work comes after it', async () => {
    stage.latency = 1000
    await start()
    await stage.post({ total: 50, batchSize: 50, priority: 'LOW' })
    await stage.until(() => stage.calls.length > 0)
    duringClaim(async () => {
      await stage.post({ total: 1, priority: 'HIGH' })
      await stage.post({ total: 50, batchSize: 50, priority: 'LOW' })
    })
    await stage.post({ total: 1, lane: 'erp' })
    const postedAt = stage.clock.now()
    await stage.until(() => stage.calls.filter(({ id }) => id === 'map_0').length === 3)
    expect(stage.clock.now() - postedAt).toBeLessThan(5000)
  })
})

test('a store that gave all that was asked for is asked for more', async () => {
  await start()
  const asked = 2 * stage.rules.limits.concurrency
  await stage.finished(await stage.post({ total: 3 * asked, batchSize: asked }))
})

test('a claim that the store could not take is made again', async () => {
  let isFirst = true
  const { claim } = stage.store
  Object.assign(stage.store, {
    claim: async (...parameters: Parameters<typeof claim>) => {
      if (!isFirst) return claim(...parameters)
      isFirst = false
      throw new StoreUnavailable('it is away')
    },
  })
  await start()
  await stage.finished(await stage.post({ total: 5 }))
})

test('what overtakes is asked for once', async () => {
  stage.latency = 60_000
  await start()
  await stage.post({ total: 50, batchSize: 50, priority: 'LOW' })
  await stage.until(() => stage.calls.length > 0)
  const counted = stage.countClaims()
  await stage.post({ total: 1, priority: 'HIGH' })
  await stage.pass(10_000)
  expect(counted.claims).toBe(1)
})

describe('what failed for a while', () => {
  beforeEach(async () => {
    stage.rules = { ...stage.rules, retry: { attempts: 2, first: 20_000, cap: 20_000 } }
    await start()
    stage.answer = () => (stage.calls.length > 2 ? DELIVERED : refused(500))
  })

  test.each([
    ['of its lane', LANE],
    ['of another lane', 'erp'],
  ])('is tried again in its time, and so is what failed after it, %s', async (_, lane) => {
    const first = await stage.post({ total: 1 })
    await stage.pass(5000)
    const second = await stage.post({ total: 1, lane })
    await stage.finished(first)
    await stage.finished(second)
    const [one = 0, two = 0, again = 0, andAgain = 0] = stage.calls.map(({ at }) => at)
    for (const wait of [again - one, andAgain - two]) {
      expect(wait).toBeGreaterThanOrEqual(10_000)
      expect(wait).toBeLessThan(10_500)
    }
  })
})

test('what is due already when its batch is written is tried again at once', async () => {
  stage.rules = { ...stage.rules, retry: { attempts: 2, first: 2, cap: 2 } }
  stage.answer = () => (stage.calls.length > 1 ? DELIVERED : refused(500))
  stage.latencyOf = ({ id }) => (id === 'map_0' ? 10 : 500)
  await start()
  await stage.finished(await stage.post({ total: 2 }))
})

test('what an operator says while a worker asks is asked for at once', async () => {
  const { work } = stage.store
  let isAsking = false
  Object.assign(stage.store, {
    work: async (now: number) => {
      const told = await work(now)
      isAsking = true
      await sleep(stage.clock, 500)
      isAsking = false
      return told
    },
  })
  stage.latency = 50
  await start()
  await stage.post({ total: 1000, batchSize: 1000 })
  await stage.until(() => stage.calls.length > 0 && !isAsking)
  await stage.until(() => isAsking)
  await stage.store.override(LANE, { paused: true })
  const saidAt = stage.clock.now()
  await stage.pass(5000)
  expect(Math.max(...stage.calls.map(({ at }) => at)) - saidAt).toBeLessThan(1200)
})
