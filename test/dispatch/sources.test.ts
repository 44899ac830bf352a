/** A source that must not be read from: what waits for it spends nothing, and holds up nobody. */
import { beforeEach, describe, expect, test } from 'vitest'
import { PROBE_EVERY_MS } from '../../src/core/gate.ts'
import { pack } from '../../src/core/packed.ts'
import type { ReadAnswer } from '../../src/deliver/kind.ts'
import { StoreUnavailable } from '../../src/store/store.ts'
import { newBatch } from '../support/requests.ts'
import { DELIVERED, refused as refusedWrite, Stage } from './stage.ts'

const RETRY_AFTER_MS = 30_000

let stage: Stage

beforeEach(async () => {
  stage = await Stage.open()
  stage.rules = { ...stage.rules, readable: true }
})

function refusedRead(httpStatus: number, retryAfter: number | null = null): ReadAnswer {
  return {
    kind: 'refused',
    stage: 'read',
    httpStatus,
    retryAfter,
    message: `It said ${httpStatus}`,
  }
}

const RECORD: ReadAnswer = { kind: 'record', record: {} }

const NO_RECORD: ReadAnswer = {
  kind: 'impossible',
  stage: 'read',
  code: 'record_not_found',
  message: 'There is none',
}

/** A request whose mappings read from these sources, in turn. */
function reading(total: number, sources: readonly string[], target = 'crm') {
  const batches = Array.from({ length: total / 5 }, (_, n) => {
    const ordinals = Array.from({ length: 5 }, (_, at) => n * 5 + at)
    const mappings = ordinals.map((ordinal) => ({
      id: `map_${ordinal}`,
      source: sources[ordinal % sources.length] ?? '',
      target,
    }))
    return newBatch(ordinals, { lane: target, mappings: pack(mappings) })
  })
  return stage.post({ batches })
}

describe('a source that asks to be left alone', () => {
  test('is left alone until then, by every worker, and it costs no attempt', async () => {
    let opened = Number.POSITIVE_INFINITY
    stage.read = () => {
      opened = Math.min(opened, stage.clock.now())
      return stage.clock.now() < opened + 1000 ? refusedRead(429, RETRY_AFTER_MS) : RECORD
    }
    stage.start()
    stage.start()
    await stage.pass(15_000)
    const results = await stage.finished(await reading(100, ['erp']))
    for (const { state, attempts } of results) {
      expect({ state, attempts }).toEqual({ state: 'completed', attempts: 1 })
    }
    const early = stage.reads.filter(({ at }) => at < opened + RETRY_AFTER_MS)
    // Each worker has up to its part of the calls under way when the first answer comes.
    expect(early.length).toBeLessThanOrEqual(2 * stage.rules.limits.concurrency)
    expect(stage.clock.now()).toBeLessThan(opened + RETRY_AFTER_MS + 10_000)
  })

  test('holds up no mapping of its lane that reads from elsewhere', async () => {
    stage.read = ({ source }) => (source === 'erp' ? refusedRead(429, RETRY_AFTER_MS) : RECORD)
    stage.start()
    const { id } = await reading(200, ['erp', 'shop'])
    await stage.pass(20_000)
    const results = await stage.results(id)
    const done = results.filter(({ state }) => state === 'completed')
    expect(done.map(({ source }) => source)).toEqual(Array(100).fill('shop'))
    for (const { attempts, source } of results) expect(attempts).toBe(source === 'shop' ? 1 : 0)
  })

  test('holds up no new work of its lane, though that claims nothing else for a second', async () => {
    stage.read = ({ source }) => (source === 'erp' ? refusedRead(429, 600_000) : RECORD)
    stage.start()
    await reading(200, ['erp'])
    await stage.until(() => stage.reads.length > 0)
    await stage.pass(500)
    await reading(5, ['shop'])
    await stage.pass(300)
    expect(stage.calls).toHaveLength(5)
  })

  test('turns no backlog over while it is waited for', async () => {
    stage.read = () => refusedRead(429, 600_000)
    stage.start()
    await reading(5000, ['erp'])
    const counted = stage.countClaims()
    await stage.pass(60_000)
    expect(stage.reads.length).toBeLessThanOrEqual(2 * stage.rules.limits.concurrency)
    expect(counted.claims).toBeLessThanOrEqual(200)
  })
})

describe('a source that refuses our credentials', () => {
  test('is probed once a minute, and all is read when it is mended', async () => {
    let isMended = false
    stage.read = () => (isMended ? RECORD : refusedRead(401))
    stage.start()
    stage.start()
    await stage.pass(15_000)
    const request = await reading(100, ['erp'])
    await stage.pass(PROBE_EVERY_MS / 2)
    const atFirst = stage.reads.length
    await stage.pass(10 * PROBE_EVERY_MS)
    expect(stage.reads.length - atFirst).toBeGreaterThanOrEqual(8)
    expect(stage.reads.length - atFirst).toBeLessThanOrEqual(10)
    expect(stage.calls).toEqual([])
    isMended = true
    const mendedAt = stage.clock.now()
    const results = await stage.finished(request)
    for (const { state, attempts } of results) {
      expect({ state, attempts }).toEqual({ state: 'completed', attempts: 1 })
    }
    expect(stage.clock.now() - mendedAt).toBeLessThan(1.5 * PROBE_EVERY_MS)
  })
})

test('a source that refuses our credentials is not read from while nobody can say who may probe it', async () => {
  stage.read = () => refusedRead(401)
  stage.start()
  const request = await reading(20, ['erp'])
  await stage.pass(PROBE_EVERY_MS / 2)
  const before = stage.reads.length
  const { probe } = stage.store
  const isAway = async () => {
    throw new StoreUnavailable('it is away')
  }
  Object.assign(stage.store, { probe: isAway })
  await stage.pass(2 * PROBE_EVERY_MS)
  expect(stage.reads).toHaveLength(before)
  stage.read = () => RECORD
  Object.assign(stage.store, { probe })
  await stage.finished(request)
})

describe('a source that is read from now and then', () => {
  /** Reads five records, every two seconds. */
  async function readsNowAndThen(times: number): Promise<void> {
    for (let time = 0; time < times; time++) {
      await reading(5, ['erp'])
      await stage.pass(2000)
    }
  }

  test('is left alone when too many of its calls fail', async () => {
    const retry = { attempts: 1, first: 100, cap: 100 }
    const breaker = { failureRatio: 0.5, window: 60_000, minimum: 20, cooldown: 60_000 }
    stage.rules = { ...stage.rules, retry, breaker }
    stage.read = () => refusedRead(500)
    stage.start()
    await readsNowAndThen(10)
    expect(stage.reads).toHaveLength(breaker.minimum)
    expect((await stage.store.system('erp')).gate).toMatchObject({ state: 'tripped' })
  })

  test('has its last error told after calls that went well', async () => {
    stage.rules = { ...stage.rules, retry: { attempts: 1, first: 100, cap: 100 } }
    stage.read = () => (stage.reads.length > 1 ? RECORD : refusedRead(500))
    stage.start()
    await readsNowAndThen(10)
    const { reports } = await stage.store.system('erp')
    expect(reports[0]?.lastError).toMatchObject({ httpStatus: 500, stage: 'read' })
  })
})

describe('a source whose probe comes to nothing', () => {
  test('is probed again a minute later, and is not stuck', async () => {
    stage.read = () => refusedRead(401)
    stage.start()
    const request = await reading(20, ['erp'])
    await stage.pass(PROBE_EVERY_MS / 2)
    const before = stage.reads.length
    stage.read = () => (stage.reads.length > before + 1 ? RECORD : NO_RECORD)
    const counted = stage.countClaims()
    const results = await stage.finished(request)
    expect(results.filter(({ state }) => state === 'completed')).toHaveLength(19)
    const [probe, second] = stage.reads.slice(before).map(({ at }) => at)
    expect((second ?? 0) - (probe ?? 0)).toBeGreaterThanOrEqual(PROBE_EVERY_MS)
    expect(counted.claims).toBeLessThan(200)
  })
})

describe('a system that is read from and written to', () => {
  test('keeps nobody busy who waits to read from it while it is probed by a write', async () => {
    stage.read = () => RECORD
    stage.answer = ({ target }) => (target === 'crm' ? refusedWrite(401) : DELIVERED)
    stage.start()
    await reading(20, ['erp'])
    await stage.pass(PROBE_EVERY_MS / 2)
    const before = stage.calls.length
    stage.answer = () => DELIVERED
    stage.latencyOf = ({ target }) => (target === 'crm' ? 20_000 : 10)
    await stage.until(() => stage.calls.length > before)
    const waiting = await reading(20, ['crm'], 'shop')
    const counted = stage.countClaims()
    await stage.pass(15_000)
    expect(stage.calls).toHaveLength(before + 1)
    expect(counted.claims).toBeLessThan(100)
    await stage.finished(waiting)
  })

  test('is probed by a mapping that does both, of which the write tells', async () => {
    stage.read = () => RECORD
    stage.answer = () => refusedWrite(401)
    stage.start()
    const request = await reading(20, ['crm'])
    await stage.pass(PROBE_EVERY_MS / 2)
    const before = stage.calls.length
    await stage.pass(3 * PROBE_EVERY_MS)
    expect(stage.calls).toHaveLength(before + 3)
    expect(stage.events).not.toContainEqual({ event: 'gate_opened', system: 'crm' })
    stage.answer = () => DELIVERED
    await stage.finished(request)
  })
})

test('a paused source is not read from, and goes on when it is told to', async () => {
  stage.start()
  stage.read = () => RECORD
  await stage.store.override('erp', { paused: true })
  const request = await reading(20, ['erp'])
  await stage.pass(60_000)
  expect(stage.reads).toEqual([])
  await stage.store.override('erp', { paused: false })
  await stage.finished(request)
  expect(stage.reads).toHaveLength(20)
})

test('a source from which nothing can be read holds up nothing, whatever its gate', async () => {
  stage.rules = { ...stage.rules, readable: false }
  stage.start()
  await stage.store.override('erp', { paused: true })
  await stage.finished(await reading(20, ['erp']))
  expect(stage.calls).toHaveLength(20)
})
