/** Limits and gates as targets see them: the real dispatcher on the real store, in simulated time. */
import { beforeEach, describe, expect, test } from 'vitest'
import { PROBE_EVERY_MS } from '../../src/core/gate.ts'
import { LANE } from '../support/requests.ts'
import { DELIVERED, refused, Stage } from './stage.ts'

let stage: Stage

beforeEach(async () => {
  stage = await Stage.open()
})

/** The most of these moments, which rise, that lie in one second. */
function mostInASecond(moments: readonly number[]): number {
  let [most, from] = [0, 0]
  for (const [to, moment] of moments.entries()) {
    while (moment - (moments[from] ?? 0) >= 1000) from += 1
    most = Math.max(most, to - from + 1)
  }
  return most
}

describe('a target limited to 100 calls a second, given 5,000 mappings', () => {
  test.each([
    [1, 1.05],
    // Each finishes what it has in hand, and the last of them finishes alone.
    [3, 1.1],
  ])('gets no more from %i workers, and no less', async (workers, ideal) => {
    stage.rules = {
      ...stage.rules,
      limits: { concurrency: 30, rate: [{ count: 100, per: 1000 }] },
    }
    stage.latency = 40
    for (let n = 0; n < workers; n++) stage.start()
    // Every worker has joined, and has its part.
    await stage.pass(15_000)
    const postedAt = stage.clock.now()
    await stage.finished(await stage.post({ total: 5000 }))
    const took = stage.clock.now() - postedAt
    expect(stage.calls).toHaveLength(5000)
    expect(mostInASecond(stage.calls.map(({ at }) => at))).toBeLessThanOrEqual(105)
    expect(took).toBeLessThanOrEqual(50_000 * ideal)
  })

  test('of several windows, the one that is used up counts', async () => {
    stage.rules = {
      ...stage.rules,
      limits: {
        concurrency: 50,
        rate: [
          { count: 100, per: 1000 },
          { count: 600, per: 60_000 },
        ],
      },
    }
    stage.start()
    await stage.post({ total: 5000 })
    await stage.pass(60_000)
    expect(stage.calls.length).toBeGreaterThan(595)
    expect(stage.calls.length).toBeLessThanOrEqual(613)
  })
})

describe('a target that answers 429 to what is too much', () => {
  /** Counts by the second; says nothing of its limit but no, and for how long. */
  function fixedWindow(perSecond: number, retryAfter: number | null) {
    const counts = new Map<number, number>()
    return () => {
      const second = Math.floor(stage.clock.now() / 1000)
      const count = (counts.get(second) ?? 0) + 1
      counts.set(second, count)
      return count <= perSecond ? DELIVERED : refused(429, retryAfter)
    }
  }

  /** The same, and tells with every answer what is left, as RateLimit headers do. */
  function toldWindow(perSecond: number) {
    const take = fixedWindow(perSecond, null)
    let left = { second: 0, calls: 0 }
    return () => {
      const second = Math.floor(stage.clock.now() / 1000)
      if (second !== left.second) left = { second, calls: perSecond }
      left.calls = Math.max(0, left.calls - 1)
      const resetsAt = (second + 1) * 1000
      const learned = { limit: perSecond, window: 1000, remaining: left.calls, resetsAt }
      return { ...take(), learned }
    }
  }

  /** A bucket that fills steadily. */
  function bucket(perSecond: number, size: number, retryAfter: number | null = null) {
    let tokens = size
    let filledAt = stage.clock.now()
    return () => {
      const now = stage.clock.now()
      tokens = Math.min(size, tokens + ((now - filledAt) * perSecond) / 1000)
      filledAt = now
      if (tokens < 1) return refused(429, retryAfter)
      tokens -= 1
      return DELIVERED
    }
  }

  test.each([
    ['with a Retry-After', () => fixedWindow(100, 1000)],
    ['without one', () => fixedWindow(100, null)],
    ['that tells what is left', () => toldWindow(100)],
    ['from a bucket that holds a second', () => bucket(100, 100)],
    ['from a bucket that holds five', () => bucket(100, 5)],
    ['from a bucket that holds five, with a Retry-After', () => bucket(100, 5, 1000)],
    ['from a bucket that holds one', () => bucket(100, 1)],
    ['from a bucket that holds one, with a Retry-After', () => bucket(100, 1, 1000)],
    ['from a bucket that holds one, late', () => bucket(100, 1), 50],
    ['from a bucket that holds two, late', () => bucket(100, 2), 50],
  ])('%s, costs no attempt, and little time', async (_, target, latency = 10) => {
    stage.rules = { ...stage.rules, limits: { concurrency: 20, rate: null } }
    stage.latency = latency
    stage.answer = target()
    stage.start()
    const postedAt = stage.clock.now()
    const results = await stage.finished(await stage.post({ total: 5000 }))
    const took = stage.clock.now() - postedAt
    for (const { state, attempts } of results) {
      expect({ state, attempts }).toEqual({ state: 'completed', attempts: 1 })
    }
    expect(took).toBeLessThanOrEqual(50_000 * 1.15)
  })

  test('has its rate learned and told, and is called at it', async () => {
    stage.rules = { ...stage.rules, limits: { concurrency: 20, rate: null } }
    stage.answer = bucket(100, 5)
    stage.start()
    await stage.post({ total: 20_000 })
    await stage.pass(60_000)
    const { reports } = await stage.store.system(LANE)
    const rate = reports[0]?.learnedRate ?? 0
    expect(rate).toBeGreaterThan(85)
    expect(rate).toBeLessThan(125)
  })

  test('is told to take no more for having had a rest', async () => {
    stage.rules = { ...stage.rules, limits: { concurrency: 20, rate: null } }
    stage.answer = bucket(100, 5)
    stage.start()
    await stage.finished(await stage.post({ total: 300 }))
    const told = async () => (await stage.store.system(LANE)).reports[0]?.learnedRate
    await stage.pass(1000)
    const rate = await told()
    expect(rate).toBeGreaterThan(0)
    await stage.pass(20_000)
    expect(await told()).toBe(rate)
  })

  test.each([
    { size: 1, workers: 2, latency: 10, ideal: 1.15 },
    { size: 1, workers: 2, latency: 50, ideal: 1.15 },
    { size: 5, workers: 2, latency: 10, ideal: 1.15 },
    { size: 5, workers: 2, latency: 50, ideal: 1.15 },
    { size: 5, workers: 3, latency: 10, ideal: 1.15 },
    // Of three that come at any moment, two have to find out that they are in the way of the third.
    { size: 1, workers: 3, latency: 50, ideal: 1.3 },
  ])(
    'gives $workers workers together what a bucket of $size has, after $latency ms',
    async ({ size, workers, latency, ideal }) => {
      stage.rules = { ...stage.rules, limits: { concurrency: 20, rate: null } }
      stage.latency = latency
      stage.answer = bucket(100, size)
      for (let n = 0; n < workers; n++) stage.start()
      await stage.pass(15_000)
      const postedAt = stage.clock.now()
      const results = await stage.finished(await stage.post({ total: 5000 }))
      expect(stage.clock.now() - postedAt).toBeLessThanOrEqual(50_000 * ideal)
      for (const { attempts } of results) expect(attempts).toBe(1)
    },
  )

  test('is found again by several workers when it takes far less than before', async () => {
    stage.rules = { ...stage.rules, limits: { concurrency: 20, rate: null } }
    let target = bucket(100, 5)
    stage.answer = () => target()
    stage.start()
    stage.start()
    await stage.pass(15_000)
    await stage.post({ total: 20_000 })
    await stage.pass(20_000)
    target = bucket(5, 5)
    await stage.pass(180_000)
    let delivered = 0
    const slow = target
    target = () => {
      const answer = slow()
      if (answer.kind === 'delivered') delivered += 1
      return answer
    }
    await stage.pass(60_000)
    expect(delivered).toBeGreaterThan(0.85 * 5 * 60)
  })

  test('is called no faster after a rest than before it', async () => {
    stage.rules = { ...stage.rules, limits: { concurrency: 20, rate: null } }
    stage.answer = bucket(100, 5)
    stage.start()
    await stage.finished(await stage.post({ total: 3000 }))
    await stage.pass(120_000)
    const before = stage.calls.length
    const postedAt = stage.clock.now()
    await stage.finished(await stage.post({ total: 1000 }))
    expect(stage.calls.length - before).toBeLessThanOrEqual(1010)
    expect(stage.clock.now() - postedAt).toBeLessThanOrEqual(10_000 * 1.15)
  })
})

test('a target that takes 40 calls at once, and refuses more, has that found out by trial', async () => {
  stage.rules = { ...stage.rules, limits: { concurrency: 200, adaptiveFrom: 1, rate: null } }
  stage.latency = 50
  let underWay = 0
  stage.answer = () => {
    underWay += 1
    stage.clock.after(stage.latency, () => {
      underWay -= 1
    })
    return underWay > 40 ? refused(429) : DELIVERED
  }
  stage.start()
  await stage.post({ total: 40_000, batchSize: 500 })
  await stage.pass(30_000)
  const before = stage.calls.length
  await stage.pass(10_000)
  const most = 40 * (10_000 / stage.latency)
  expect(stage.calls.length - before).toBeGreaterThan(0.8 * most)
})

describe('a held target with 1,000 mappings waiting', () => {
  test('is probed once a minute at most, and completes all when it is mended', async () => {
    let isMended = false
    stage.answer = () => (isMended ? DELIVERED : refused(401))
    stage.start()
    const request = await stage.post({ total: 1000 })
    await stage.pass(PROBE_EVERY_MS / 2)
    const atFirst = stage.calls.length
    await stage.pass(10 * PROBE_EVERY_MS)
    expect(stage.calls.length - atFirst).toBeLessThanOrEqual(10)
    for (const { attempts } of await stage.results(request.id)) expect(attempts).toBe(0)
    isMended = true
    const results = await stage.finished(request)
    for (const { state, attempts } of results) {
      expect({ state, attempts }).toEqual({ state: 'completed', attempts: 1 })
    }
  })
})

describe('a healthy lane', () => {
  /** How many calls a lane starts in half a minute, after half a minute. */
  async function throughput(others: readonly string[]): Promise<number> {
    stage = await Stage.open()
    stage.rules = {
      ...stage.rules,
      limits: { concurrency: 4, rate: null },
      breaker: { failureRatio: 0.5, window: 10_000, minimum: 10, cooldown: 5000 },
    }
    stage.latencyOf = ({ target }) => (target === 'hanging' ? 3_600_000 : 10)
    stage.answer = ({ target }) => {
      if (target === 'held') return refused(401)
      return target === 'tripped' ? refused(500) : DELIVERED
    }
    stage.start()
    for (const lane of others) await stage.post({ total: 2000, lane })
    await stage.post({ total: 40_000, lane: 'healthy', batchSize: 50 })
    await stage.pass(10_000)
    const before = stage.calls.length
    await stage.pass(10_000)
    return stage.calls.slice(before).filter(({ target }) => target === 'healthy').length
  }

  test('keeps its speed, whatever one that hangs, trips or is held does', async () => {
    const alone = await throughput([])
    const beside = await throughput(['hanging', 'tripped', 'held'])
    expect(alone).toBeGreaterThan(3000)
    expect(beside / alone).toBeGreaterThanOrEqual(0.9)
  })
})

describe('a target of which too many calls fail', () => {
  test('is left alone, then probed one mapping at a time, and opens when it is well', async () => {
    stage.rules = {
      ...stage.rules,
      retry: { attempts: 50, first: 100, cap: 100 },
      breaker: { failureRatio: 0.5, window: 10_000, minimum: 10, cooldown: 20_000 },
    }
    let isWell = false
    stage.answer = () => (isWell ? DELIVERED : refused(500))
    stage.start()
    const request = await stage.post({ total: 200 })
    await stage.pass(10_000)
    const atFirst = stage.calls.length
    expect(atFirst).toBeLessThanOrEqual(10 + stage.rules.limits.concurrency)
    await stage.pass(60_000)
    const probes = stage.calls.slice(atFirst).map(({ at }) => at)
    expect(probes).toHaveLength(3)
    isWell = true
    await stage.finished(request)
    expect(stage.events).toContainEqual({ event: 'gate_opened', system: LANE })
  })
})

/** No call is left, for an hour. */
function nothingLeft() {
  const resetsAt = stage.clock.now() + 3_600_000
  return { limit: 100, window: 3_600_000, remaining: 0, resetsAt }
}

describe('an operator', () => {
  beforeEach(async () => {
    stage.start()
    await stage.post({ total: 20_000, batchSize: 50 })
    await stage.until(() => stage.calls.length > 0)
  })

  test('slows a system down, and gives it back its limits, within a second', async () => {
    await stage.store.override(LANE, { rate: [{ count: 10, per: 1000 }] })
    await stage.pass(1000)
    const before = stage.calls.length
    await stage.pass(10_000)
    expect(stage.calls.length - before).toBeLessThanOrEqual(103)
    expect(stage.calls.length - before).toBeGreaterThanOrEqual(95)
    await stage.store.override(LANE, { rate: null })
    await stage.pass(1000)
    const fast = stage.calls.length
    await stage.pass(1000)
    expect(stage.calls.length - fast).toBeGreaterThan(300)
  })

  test('changes how many calls are under way at once', async () => {
    await stage.store.override(LANE, { concurrency: 2 })
    await stage.pass(1000)
    stage.latency = 1000
    await stage.pass(1000)
    const from = stage.clock.now()
    await stage.pass(5000)
    const late = stage.calls.filter(({ at }) => at > from)
    for (const { at } of late) {
      const underWay = late.filter((other) => other.at <= at && at < other.at + 1000)
      expect(underWay.length).toBeLessThanOrEqual(2)
    }
    expect(late.length).toBeGreaterThanOrEqual(8)
  })

  test('pauses a system, and lets it go on, and nothing is spent', async () => {
    await stage.store.override(LANE, { paused: true })
    await stage.pass(1000)
    const before = stage.calls.length
    await stage.pass(60_000)
    expect(stage.calls.length).toBe(before)
    await stage.store.override(LANE, { paused: false })
    await stage.pass(1000)
    expect(stage.calls.length).toBeGreaterThan(before)
  })

  test('has a held system probed at once', async () => {
    let isMended = false
    stage.answer = () => (isMended ? DELIVERED : refused(401))
    await stage.pass(5000)
    const before = stage.calls.length
    isMended = true
    await stage.store.resume(LANE, stage.clock.now())
    await stage.pass(1000)
    expect(stage.calls.length).toBeGreaterThan(before + 10)
  })

  test.each([
    ['by its Retry-After', () => refused(429, 3_600_000)],
    ['by what its answers say is left', () => ({ ...DELIVERED, learned: nothingLeft() })],
  ])('has a system go on at once that is throttled %s', async (_, answer) => {
    stage.answer = answer
    await stage.pass(5000)
    const before = stage.calls.length
    stage.answer = () => DELIVERED
    await stage.pass(5000)
    expect(stage.calls.length).toBe(before)
    await stage.store.resume(LANE, stage.clock.now())
    await stage.pass(1000)
    expect(stage.calls.length).toBeGreaterThan(before)
  })
})
