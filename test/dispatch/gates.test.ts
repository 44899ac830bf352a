import { beforeEach, describe, expect, test } from 'vitest'
import { type ClosedGate, PROBE_EVERY_MS } from '../../src/core/gate.ts'
import type { WriteAnswer } from '../../src/deliver/kind.ts'
import { openMemoryStore } from '../../src/store/sqlite/memory.ts'
import type { Store } from '../../src/store/store.ts'
import { LANE, TENANT } from '../support/requests.ts'
import { DELIVERED, refused, Stage } from './stage.ts'

const RETRY_AFTER_MS = 30_000
const TOTAL = 20
/** Every worker has its part by then. */
const JOINED_MS = 15_000

let stage: Stage

beforeEach(async () => {
  stage = await Stage.open()
})

describe('a system that asks to be left alone', () => {
  test('is left alone until then by everybody, and it costs no attempt', async () => {
    const firstCallAt: number[] = []
    stage.answer = () => {
      firstCallAt.push(stage.clock.now())
      const isBusy = stage.clock.now() < (firstCallAt[0] ?? 0) + 1000
      return isBusy ? refused(429, RETRY_AFTER_MS) : DELIVERED
    }
    stage.start()
    stage.start()
    const results = await stage.finished(await stage.post({ total: TOTAL }))
    for (const result of results) expect(result).toMatchObject({ state: 'completed', attempts: 1 })

    const [opened = 0] = firstCallAt
    const busy = stage.calls.filter(({ at }) => at < opened + 1000)
    const { concurrency } = stage.rules.limits
    const workers = 2
    expect(busy.length).toBeLessThanOrEqual(workers * Math.ceil(concurrency / workers))
    const [next = 0] = stage.calls.slice(busy.length).map(({ at }) => at)
    expect(next).toBeGreaterThanOrEqual(opened + RETRY_AFTER_MS)
    expect(next).toBeLessThan(opened + RETRY_AFTER_MS + 1000)
    expect(stage.events).toContainEqual(
      expect.objectContaining({ event: 'gate_closed', system: LANE }),
    )
  })

  test('holds up no other', async () => {
    stage.answer = ({ target }) => (target === LANE ? refused(429, RETRY_AFTER_MS) : DELIVERED)
    stage.start()
    await stage.post({ total: TOTAL })
    const other = await stage.post({ total: TOTAL, lane: 'erp' })
    const postedAt = stage.clock.now()
    await stage.finished(other)
    expect(stage.clock.now() - postedAt).toBeLessThan(1000)
  })
})

test('a worker that alone is refused leaves a system to the others, for longer each time', async () => {
  const others = stage.start()
  stage.start()
  await stage.pass(JOINED_MS)
  const refusedAt: number[] = []
  stage.answer = (_, worker) => {
    if (worker === others) return DELIVERED
    refusedAt.push(stage.clock.now())
    return refused(429)
  }
  await stage.post({ total: 100_000, batchSize: 500 })
  await stage.pass(60_000)
  const times = [...new Set(refusedAt)]
  const rests = times.slice(1).map((at, n) => at - (times[n] ?? 0))
  for (const [n, atLeast] of [2000, 2000, 4000, 8000, 10_000].entries()) {
    expect(rests[n]).toBeGreaterThanOrEqual(atLeast)
  }
})

describe('a system that fails, and refuses some calls as too many', () => {
  test('is left alone for those that failed: what was refused is no call that went well', async () => {
    const [crowd, minimum] = [20, 10]
    stage.rules = {
      ...stage.rules,
      limits: { concurrency: crowd, rate: null },
      breaker: { failureRatio: 0.5, window: 30_000, minimum, cooldown: 30_000 },
    }
    stage.answer = () => refused(stage.calls.length <= crowd ? 429 : 500)
    // All but the first are told so when the wait is over, and the gate is open again.
    stage.latencyOf = () => (1 < stage.calls.length && stage.calls.length <= crowd ? 1100 : 10)
    stage.start()
    await stage.post({ total: 100 })
    await stage.until(() => wasClosed('tripped'))
    expect(stage.calls).toHaveLength(crowd + minimum)
  })
})

describe('a system that refuses our credentials', () => {
  test('is probed with one mapping a minute, and nothing is spent or failed', async () => {
    stage.answer = () => refused(401)
    stage.start()
    const { id } = await stage.post({ total: TOTAL })
    await stage.pass(PROBE_EVERY_MS / 2)
    const atFirst = stage.calls.length
    expect(atFirst).toBe(stage.rules.limits.concurrency)
    await stage.pass(10 * PROBE_EVERY_MS)
    const probes = stage.calls.slice(atFirst).map(({ at }) => at)
    expect(probes).toHaveLength(10)
    for (const [n, at] of probes.entries()) {
      if (n > 0) expect(at - (probes[n - 1] ?? 0)).toBeGreaterThanOrEqual(PROBE_EVERY_MS)
    }
    for (const { state, attempts } of await stage.results(id)) {
      expect({ state, attempts }).toEqual({ state: 'pending', attempts: 0 })
    }
  })

  test('is probed with one mapping by a worker that heard of it with a claim, and had others in hand', async () => {
    const store = await openMemoryStore()
    const onWork: Store['onWork'] = (listener) =>
      store.onWork((hint) => {
        if (hint.rank !== null) listener(hint)
      })
    stage = new Stage({ ...store, onWork })
    stage.start()
    stage.latency = 10_000
    await stage.post({ total: 50, batchSize: 50, priority: 'LOW' })
    await stage.until(() => stage.calls.length > 0)
    // As another worker would, that was refused.
    const until = stage.clock.now() + PROBE_EVERY_MS
    await stage.store.gate(LANE, { state: 'held', until, reason: 'It said 401' })
    await stage.post({ total: 1, priority: 'HIGH' })
    stage.answer = () => refused(401)
    await stage.pass(PROBE_EVERY_MS / 2)
    const before = stage.calls.length
    await stage.pass(PROBE_EVERY_MS)
    expect(stage.calls.length - before).toBe(1)
  })

  test('is open to all again as soon as a probe gets through', async () => {
    let isMended = false
    stage.answer = () => (isMended ? DELIVERED : refused(403))
    stage.start()
    const request = await stage.post({ total: TOTAL })
    await stage.pass(PROBE_EVERY_MS / 2)
    isMended = true
    const before = stage.calls.length
    const results = await stage.finished(request)
    for (const result of results) expect(result).toMatchObject({ state: 'completed', attempts: 1 })
    const [probe = 0, ...others] = stage.calls.slice(before).map(({ at }) => at)
    expect(Math.min(...others)).toBeGreaterThan(probe)
    expect(Math.max(...others)).toBeLessThan(probe + 2000)
    expect(stage.events).toContainEqual({ event: 'gate_opened', system: LANE })
  })

  test('is probed with one mapping a minute while its probes have no answer, and opens with the first', async () => {
    stage.answer = () => refused(401)
    stage.start()
    const request = await stage.post({ total: TOTAL, batchSize: TOTAL })
    await stage.until(() => wasClosed('held'))
    stage.answer = () => UNANSWERED
    await stage.pass(PROBE_EVERY_MS / 2)
    const before = stage.calls.length
    await stage.pass(2 * PROBE_EVERY_MS)
    expect(stage.calls.length - before).toBe(2)
    stage.answer = () => DELIVERED
    const mendedAt = stage.clock.now()
    await stage.finished(request)
    expect(stage.clock.now() - mendedAt).toBeLessThan(PROBE_EVERY_MS)
  })

  test('is probed again a minute later where a probe came to nothing', async () => {
    stage.answer = () => refused(401)
    stage.start()
    const request = await stage.post({ total: TOTAL, batchSize: 1 })
    await stage.until(() => wasClosed('held'))
    const before = stage.calls.length
    stage.answer = () => (stage.calls.length > before + 1 ? DELIVERED : IMPOSSIBLE)
    const results = await stage.finished(request)
    expect(results.filter(({ state }) => state === 'completed')).toHaveLength(TOTAL - 1)
    const [probe = 0, next = 0] = stage.calls.slice(before).map(({ at }) => at)
    expect(next - probe).toBeGreaterThanOrEqual(PROBE_EVERY_MS)
    expect(next - probe).toBeLessThan(PROBE_EVERY_MS + 2000)
  })

  test('is not asked for again and again where nothing is left to probe it with', async () => {
    stage.answer = () => refused(401)
    stage.start()
    const { id } = await stage.post({ total: TOTAL })
    await stage.until(() => wasClosed('held'))
    await stage.store.cancel(TENANT, id, stage.clock.now())
    await stage.pass(PROBE_EVERY_MS / 2)
    const counted = stage.countClaims()
    await stage.pass(PROBE_EVERY_MS)
    expect(counted.claims).toBeLessThan(10)
    stage.answer = () => DELIVERED
    await stage.finished(await stage.post({ total: TOTAL }))
  })

  test('is left alone by everybody when a probe is refused as too many', async () => {
    stage.answer = () => refused(429)
    stage.start()
    stage.start()
    await stage.pass(JOINED_MS)
    await stage.post({ total: TOTAL })
    // Once each of them knows of it, a worker that is refused steps back alone.
    await stage.pass(JOINED_MS)
    stage.answer = () => refused(401)
    await stage.until(() => wasClosed('held'))
    stage.answer = () => refused(429)
    stage.events.length = 0
    const before = stage.calls.length
    await stage.until(() => stage.calls.length > before)
    await stage.pass(100)
    expect(wasClosed('throttled')).toBe(true)
    expect((await stage.store.system(LANE)).gate).toMatchObject({ state: 'throttled' })
    expect(stage.events).not.toContainEqual({ event: 'gate_opened', system: LANE })
    expect(stage.calls).toHaveLength(before + 1)
  })

  test('is not open because a probe is refused as too many while older calls are still out', async () => {
    let calls = 0
    stage.latencyOf = () => {
      calls += 1
      return calls > 1 && calls <= stage.rules.limits.concurrency ? 10 * PROBE_EVERY_MS : 10
    }
    stage.answer = () => refused(429)
    stage.start()
    await stage.post({ total: TOTAL })
    await stage.until(() => wasClosed('throttled'))
    stage.answer = () => refused(401)
    await stage.until(() => wasClosed('held'))
    stage.answer = () => refused(429)
    const before = stage.calls.length
    await stage.until(() => stage.calls.length > before)
    await stage.pass(100)
    expect(stage.events).not.toContainEqual({ event: 'gate_opened', system: LANE })
    expect((await stage.store.system(LANE)).gate).toMatchObject({ state: 'throttled' })
  })
})

const UNANSWERED: WriteAnswer = {
  kind: 'unanswered',
  stage: 'write',
  code: 'timeout',
  message: 'There was no answer',
}

const IMPOSSIBLE: WriteAnswer = {
  kind: 'impossible',
  stage: 'write',
  code: 'payload_too_large',
  message: 'It cannot be sent',
}

/** Whether a gate was closed for this reason. */
function wasClosed(state: ClosedGate['state']): boolean {
  return stage.events.some((one) => one.event === 'gate_closed' && one.gate.state === state)
}
