import { describe, expect, test } from 'vitest'
import { PRIORITIES, type Priority } from '../../src/core/mapping.ts'
import { WEIGHTS } from '../../src/core/rank.ts'
import { NO_TERMS } from '../../src/core/request.ts'
import { seededRandom } from '../../src/lib/random.ts'
import { openMemoryStore } from '../../src/store/sqlite/memory.ts'
import { SimulatedClock } from './clock.ts'
import { PEACE } from './faults.ts'
import { Node } from './node.ts'
import { batches } from './requests.ts'
import { Targets } from './targets.ts'

const LANE = 'steady'

/** One node, one lane, nothing that goes wrong: only the order in which things are done. */
async function quietWorld(seed: number) {
  const random = seededRandom(seed)
  const clock = new SimulatedClock()
  const store = await openMemoryStore()
  const targets = new Targets(clock, random)
  const newId = () => `worker-${seed}`
  const ports = { store, clock, random, targets, trouble: () => PEACE, newId, emit: () => {} }
  new Node(ports).start()
  let requests = 0
  const post = async (priority: Priority, total: number, tenant = 'default') => {
    requests += 1
    const id = `${priority}-${tenant}-${requests}`
    await store.insert({
      id,
      tenant,
      priority,
      metadata: {},
      terms: NO_TERMS,
      createdAt: clock.now(),
      total,
      sources: {},
      batches: batches(total, [LANE]),
      idempotency: null,
    })
    return id
  }
  const run = async (until: () => boolean, within: number) => {
    const end = clock.now() + within
    while (!until() && (await clock.step(end)));
  }
  return { clock, post, run, calls: targets.calls }
}

function share(calls: readonly { key: string }[], of: string): number {
  return calls.filter(({ key }) => key.startsWith(of)).length / calls.length
}

describe.each([1, 2, 3, 4, 5])('fair rank, seed %i', (seed) => {
  test('three backlogs share a lane by their weights, whoever came first', async () => {
    const { post, run, calls } = await quietWorld(seed)
    const order = seed % 2 === 0 ? PRIORITIES : [...PRIORITIES].reverse()
    for (const priority of order) await post(priority, 500)
    await run(() => calls.length >= 500, 3_600_000)
    const weights = WEIGHTS.HIGH + WEIGHTS.MEDIUM + WEIGHTS.LOW
    // One pick in eight goes to the oldest batch; the other seven follow the weights.
    for (const priority of PRIORITIES) {
      const fair = WEIGHTS[priority] / weights
      expect(share(calls, priority)).toBeGreaterThan(0.85 * fair * (7 / 8))
    }
    expect(share(calls, 'HIGH')).toBeLessThan(0.95)
  })

  test('under a flood of HIGH, a LOW mapping is tried soon', async () => {
    const { clock, post, run, calls } = await quietWorld(seed)
    const flood = () => {
      void post('HIGH', 20)
      clock.after(100, flood)
    }
    flood()
    await run(() => calls.length >= 100, 60_000)
    await post('LOW', 1)
    const posted = calls.length
    await run(() => calls.some(({ key }) => key.startsWith('LOW')), 60_000)
    expect(calls.at(-1)?.key).toMatch(/^LOW/)
    expect(calls.length - posted).toBeLessThan(1000)
  })

  test('a small request overtakes a large one of the same priority', async () => {
    const { post, run, calls } = await quietWorld(seed)
    await post('MEDIUM', 2000)
    await run(() => calls.length >= 20, 60_000)
    const small = await post('MEDIUM', 1)
    const posted = calls.length
    await run(() => calls.some(({ key }) => key.startsWith(small)), 600_000)
    expect(calls.length - posted).toBeLessThan(40)
  })

  test('a large urgent request goes on past what workers already have in hand', async () => {
    const { post, run, calls } = await quietWorld(seed)
    await post('LOW', 3000)
    await run(() => calls.length >= 1000, 600_000)
    const total = 500
    const urgent = await post('HIGH', total)
    const posted = calls.length
    const made = () => calls.filter(({ key }) => key.startsWith(urgent)).length
    await run(() => made() >= total, 600_000)
    const fair = (7 / 8) * (WEIGHTS.HIGH / (WEIGHTS.HIGH + WEIGHTS.LOW))
    expect(calls.length - posted).toBeLessThan((1.15 * total) / fair)
  })

  test("a tenant's hundred requests leave another tenant its part", async () => {
    const { post, run, calls } = await quietWorld(seed)
    for (let n = 0; n < 100; n++) await post('MEDIUM', 10, 'many')
    await post('MEDIUM', 200, 'one')
    await run(() => calls.length >= 300, 3_600_000)
    expect(share(calls, 'MEDIUM-one')).toBeGreaterThan(0.35)
  })
})
