import { beforeEach, describe, expect, test } from 'vitest'
import type { PreviewMappings } from '../../src/core/preview.ts'
import type { SystemReport } from '../../src/core/report.ts'
import { accept } from '../../src/intake/accept.ts'
import type { CallbackPolicy } from '../../src/intake/callback.ts'
import type { SystemFacts } from '../../src/intake/outlooks.ts'
import { planWhole } from '../../src/intake/plan.ts'
import { rehearse } from '../../src/intake/rehearse.ts'
import type { SystemCatalogue } from '../../src/intake/systems.ts'
import { newId } from '../../src/lib/random.ts'
import { openMemoryStore } from '../../src/store/sqlite/memory.ts'
import type { Store } from '../../src/store/store.ts'
import { LANE, NOW, newRequest, TENANT } from '../support/requests.ts'

const SYSTEMS: SystemCatalogue = {
  mode: 'configured',
  names: ['crm', 'erp'],
  has: (name) => ['crm', 'erp'].includes(name),
  reads: (name) => name === 'erp',
}

const FACTS: SystemFacts = {
  limits: { concurrency: 10, rate: null },
  timeout: 30_000,
  together: 1,
  latency: null,
}

const REPORT: SystemReport = {
  at: NOW,
  concurrency: 4,
  perMinute: 100,
  learned: null,
  learnedRate: null,
  callLength: 100,
  lastError: null,
}

let store: Store
let facts: (system: string) => SystemFacts | null
let looked: string[]

beforeEach(async () => {
  store = await openMemoryStore()
  facts = () => FACTS
  looked = []
})

const callbacks: CallbackPolicy = { areSigned: true, addressFault: () => 'private' }

/** Says nothing of any mapping but that it was looked at. */
const preview: PreviewMappings = async (mappings) =>
  mappings.map(({ mapping: { id, source, target } }) => {
    looked.push(id)
    const nothing = { payload: null, unread: [], read: null, write: null, error: null, notes: [] }
    return { ...{ id, source, target }, record: 'none', ...nothing }
  })

function ports() {
  const clock = { now: () => NOW, after: () => () => {} }
  const limits = { maxMappings: 2000, batchSize: null }
  return { store, systems: SYSTEMS, callbacks, clock, newId, limits, facts, preview }
}

/** A submission of mappings that are all alike. */
function submission(total: number, changes: object = {}, idempotencyKey: string | null = null) {
  const one = { source: 'erp', target: LANE, data: 1 }
  const mappings = Array.from({ length: total }, (_, n) => ({ id: `m${n}`, ...one }))
  const body = Buffer.from(JSON.stringify({ mappings, ...changes }))
  return { tenant: TENANT, body, idempotencyKey, onInvalid: 'refuse' as const }
}

async function rehearsed(total: number, changes: object = {}, key: string | null = null) {
  const caller = submission(total, changes, key)
  const planned = await planWhole(caller, ports())
  if (planned.kind === 'refused') throw new Error(JSON.stringify(planned.problems))
  // As if it had come from another thread.
  return rehearse(structuredClone(planned), caller, ports())
}

describe('a rehearsal', () => {
  test('refuses what is no good, as the real thing does', async () => {
    const bad = submission(2, { priority: 'high' })
    expect(await planWhole(bad, ports())).toEqual(await accept(bad, ports()))
    expect(await planWhole(bad, ports())).toMatchObject({ kind: 'refused' })
  })

  test('judges who wants to be told of the end as the real thing does, and tells nobody', async () => {
    const bad = submission(1, { callback_url: 'http://10.0.0.1/done' })
    const refusal = await planWhole(bad, ports())
    expect(refusal).toMatchObject({ kind: 'refused', problems: [{ code: 'forbidden_url' }] })
    expect(refusal).toEqual(await accept(bad, ports()))
    const changes = { callback_url: 'https://ops.example.com/done' }
    expect(await rehearsed(1, changes)).toEqual(await rehearsed(1))
    expect(await store.systemNames('', 10)).toEqual([])
  })

  test('plans what the real thing stores', async () => {
    const changes = { priority: 'HIGH', metadata: { run: '1' }, batch_size: 7 }
    const { plan } = await rehearsed(23, changes)
    const { total, skipped, priority, batches } = plan
    const accepted = await accept(submission(23, changes), ports())
    expect(accepted).toMatchObject({ total, skipped, priority, batches })
  })

  test('counts what would be skipped, and cuts into batches as the real thing does', async () => {
    const mappings = Array.from({ length: 5_500 }, (_, n) => {
      return { id: n % 10 === 0 ? 'again' : `m${n}`, source: 'erp', target: LANE, data: 1 }
    })
    const caller = { ...submission(1, { mappings }), onInvalid: 'skip' as const }
    const limits = { maxMappings: 10_000, batchSize: null }
    const planned = await planWhole(caller, { ...ports(), limits })
    if (planned.kind === 'refused') throw new Error('it was refused')
    const { total, skipped, batches, batchSize, sample } = planned.plan
    expect({ total, skipped, batchSize }).toEqual({ total: 5500, skipped: 549, batchSize: 6 })
    expect(await accept(caller, { ...ports(), limits })).toMatchObject({ total, skipped, batches })
    expect(sample.map(({ ordinal }) => ordinal)).toEqual([0, 1, 2, 3, 4])
  })

  test('keeps nothing', async () => {
    await rehearsed(50, {}, 'key')
    expect(await store.totals()).toEqual({ activeRequests: 0, openMappings: 0 })
    expect(await store.keyed(TENANT, 'key')).toBeNull()
  })

  test('tells what its idempotency key would do', async () => {
    expect((await rehearsed(1)).key).toEqual({ kind: 'fresh' })
    expect((await rehearsed(1, {}, 'key')).key).toEqual({ kind: 'fresh' })
    const accepted = await accept(submission(1, {}, 'key'), ports())
    const request = accepted.kind === 'accepted' ? accepted.request : ''
    expect((await rehearsed(1, {}, 'key')).key).toEqual({ kind: 'replay', request })
    expect((await rehearsed(2, {}, 'key')).key).toEqual({ kind: 'conflict' })
    expect((await rehearsed(1, {}, 'other')).key).toEqual({ kind: 'fresh' })
  })

  test('tells of a key whose request is still being received', async () => {
    await store.open({ ...newRequest(), key: 'key' }, NOW + 60_000, NOW)
    expect((await rehearsed(1, {}, 'key')).key).toEqual({ kind: 'receiving' })
  })

  test('looks at the first mappings, but not at what is too large', async () => {
    const mappings = Array.from({ length: 7 }, (_, n) => {
      return { id: `m${n}`, source: 'erp', target: LANE, data: n === 1 ? 'x'.repeat(200_000) : n }
    })
    const { previews } = await rehearsed(7, { mappings })
    expect(looked).toEqual(['m0', 'm2', 'm3', 'm4'])
    expect(previews.map(({ id }) => id)).toEqual(['m0', 'm1', 'm2', 'm3', 'm4'])
    expect(previews[1]).toMatchObject({
      record: null,
      notes: ['The mapping is too large to be looked at.'],
    })
  })
})

describe('a lane is foretold', () => {
  async function lane(total = 1000, changes: object = {}) {
    const { lanes } = await rehearsed(total, changes)
    const [first] = lanes
    if (first === undefined) throw new Error('there is one')
    return first
  }

  test('by its timeout, where nobody knows how long a call takes', async () => {
    expect((await lane()).forecast).toMatchObject({ duration: 3_000_000, boundedBy: 'concurrency' })
  })

  test('by what its kind knows', async () => {
    facts = () => ({ ...FACTS, latency: 50 })
    expect((await lane()).forecast.duration).toBe(5000)
  })

  test('by how long calls have taken of late, which goes before', async () => {
    facts = () => ({ ...FACTS, latency: 50 })
    await store.join({ id: 'w', host: 'here' }, NOW + 60_000)
    await store.report('w', [{ system: LANE, report: REPORT }])
    expect((await lane()).forecast.duration).toBe(10_000)
  })

  test('by what an operator has set', async () => {
    await store.override(LANE, { concurrency: 2, rate: [{ count: 10, per: 1000, burst: 1 }] })
    const { forecast, outlook } = await lane()
    expect(forecast.duration).toBe(99_900)
    expect(outlook.work.limits).toMatchObject({ concurrency: 2 })
  })

  test('by what was found out and learned', async () => {
    facts = () => ({ ...FACTS, limits: { ...FACTS.limits, adaptiveFrom: 2 } })
    expect((await lane()).outlook.work.limits.concurrency).toBe(2)
    await store.join({ id: 'w', host: 'here' }, NOW + 60_000)
    const quota = { limit: 3600, window: 3_600_000, remaining: null, resetsAt: null, at: NOW }
    const report = { ...REPORT, learnedRate: 5, learned: quota }
    await store.report('w', [{ system: LANE, report }])
    const { outlook, forecast } = await lane(101)
    expect(outlook.work).toMatchObject({ learned: 1, limits: { concurrency: 4 } })
    expect(forecast.duration).toBe(100_100)
  })

  test('by no rate at all, where an answer said that there may be no call', async () => {
    await store.join({ id: 'w', host: 'here' }, NOW + 60_000)
    const quota = { limit: 0, window: 60_000, remaining: 0, resetsAt: null, at: NOW }
    await store.report('w', [{ system: LANE, report: { ...REPORT, learned: quota } }])
    expect(await lane()).toMatchObject({
      ...{ outlook: { work: { learned: null } }, forecast: { duration: 10_000 } },
    })
  })

  test('with what is open and goes before, at its priority', async () => {
    await store.insert(newRequest({ total: 1600, priority: 'HIGH' }))
    const going = async (priority: string) => (await lane(100, { priority })).outlook.work.before
    // One batch of each gets the very rank of the request's last.
    expect(await going('LOW')).toBe(1600 - 5)
    expect(await going('MEDIUM')).toBe(400 - 5)
    expect(await going('HIGH')).toBe(200 - 5)
  })

  test('with the wait for its time', async () => {
    facts = () => ({ ...FACTS, latency: 50 })
    const not_before = new Date(NOW + 3_600_000).toISOString()
    expect((await lane(1000, { not_before })).forecast).toMatchObject({
      ...{ duration: 3_605_000, boundedBy: 'not_before' },
    })
    const over = new Date(NOW - 1).toISOString()
    expect((await lane(1000, { not_before: over })).forecast.duration).toBe(5000)
  })

  test('by many mappings in a call', async () => {
    facts = () => ({ ...FACTS, latency: 50, together: 100 })
    expect((await lane()).forecast.duration).toBe(50)
  })

  test('by its slowest source, with all that the request reads from it', async () => {
    facts = (name) =>
      name === LANE
        ? { ...FACTS, latency: 10 }
        : { ...FACTS, limits: { concurrency: 10, rate: [{ count: 10, per: 1000, burst: 1 }] } }
    const read = (n: number, target: string) => ({ id: `m${n}`, source: 'erp', target })
    const mappings = Array.from({ length: 100 }, (_, n) => read(n, n % 2 === 0 ? LANE : 'erp'))
    const { lanes } = await rehearsed(1, { mappings })
    expect(lanes.map(({ target, forecast }) => [target, forecast.duration])).toEqual([
      [LANE, (100 + 50 - 1) * 100 + 10],
      ['erp', (100 + 50 - 1) * 100],
    ])
    expect(lanes[0]?.forecast).toMatchObject({
      boundedBy: 'rate',
      because:
        'erp may be called 10/s. How long a call takes is not known yet; with more than 1 s each it takes longer.',
    })
  })

  test('by a target that is read from as well once, beside a source that is slower', async () => {
    facts = (name) => ({ ...FACTS, latency: name === LANE ? 1000 : 10 })
    const one = { target: 'erp' }
    const mappings = [
      { ...one, id: 'a', source: 'erp' },
      { ...one, id: 'b', source: LANE },
    ]
    const caller = submission(1, { mappings })
    const systems = { ...SYSTEMS, reads: () => true }
    const planned = await planWhole(caller, { ...ports(), systems })
    if (planned.kind === 'refused') throw new Error('it was refused')
    const { lanes } = await rehearse(planned, caller, ports())
    expect(lanes.map(({ forecast }) => forecast.duration)).toEqual([1000 + 10])
  })

  test('not at all, while its gate or that of a source is closed for nobody knows how long', async () => {
    await store.gate('erp', { state: 'held', until: NOW + 60_000, reason: 'It answered 401.' })
    expect((await lane()).forecast.duration).not.toBeNull()
    const mappings = [{ id: 'm', source: 'erp', target: LANE }]
    expect((await lane(1, { mappings })).forecast).toMatchObject({
      duration: null,
      boundedBy: 'gate',
      because: 'erp is held, and nobody can tell until when: It answered 401.',
    })
    await store.override(LANE, { paused: true })
    expect((await lane()).forecast.duration).toBeNull()
  })
})
