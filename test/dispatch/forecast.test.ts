/** What is foretold of a request, beside what becomes of it: the real dispatcher, in simulated time. */
import { beforeEach, describe, expect, test } from 'vitest'
import { forecastOf } from '../../src/core/forecast.ts'
import type { Priority } from '../../src/core/mapping.ts'
import type { DurationMs } from '../../src/core/units.ts'
import { outlooksOf } from '../../src/intake/outlooks.ts'
import { LANE, type RequestOptions, TENANT } from '../support/requests.ts'
import { refused, Stage } from './stage.ts'

let stage: Stage

beforeEach(async () => {
  stage = await Stage.open()
  stage.start()
  // It has joined, and has its part.
  await stage.pass(1000)
})

/** How long a request is foretold to take that is like this. */
async function foretold(total: number, priority: Priority = 'MEDIUM'): Promise<DurationMs> {
  const { limits, together } = stage.rules
  const lane = { target: LANE, mappings: total, batches: 1, sources: [] }
  const shape = { total, priority, batches: 1, batchSize: total, metadata: {}, sample: [] }
  const outlooks = await outlooksOf({ ...shape, lanes: [lane], sources: {} }, TENANT, {
    store: stage.store,
    clock: stage.clock,
    facts: () => ({ limits, together, timeout: 30_000, latency: null }),
  })
  const outlook = outlooks.get(LANE)
  if (outlook === undefined) throw new Error('there is one lane')
  const { duration, because } = forecastOf([outlook])
  if (duration === null) throw new Error(because)
  return duration
}

/** How long a request does take. */
async function taken(options: RequestOptions): Promise<DurationMs> {
  const postedAt = stage.clock.now()
  await stage.finished(await stage.post(options))
  return stage.clock.now() - postedAt
}

/** Foretells a request, makes it, and gives by how much the one is off the other. */
async function compared(total: number, priority: Priority = 'MEDIUM'): Promise<number> {
  const before = await foretold(total, priority)
  const after = await taken({ total, priority, batchSize: 5 })
  return before / after
}

/** Makes calls until it is known how long they take. */
async function warmUp(): Promise<void> {
  await taken({ total: 400 })
  await stage.pass(2000)
}


const CASES: readonly (readonly [string, number, Priority, readonly RequestOptions[]])[] = [
  ['one like it, larger', 1000, 'MEDIUM', [{ total: 5000 }]],
  ['one like it, smaller', 1000, 'MEDIUM', [{ total: 300 }]],
  ['nine like it', 200, 'MEDIUM', Array.from({ length: 9 }, () => ({ total: 1000 }))],
  ['nine small like it', 2000, 'MEDIUM', Array.from({ length: 9 }, () => ({ total: 100 }))],
  ['LOW under HIGH', 200, 'LOW', [{ total: 8000, priority: 'HIGH' }]],
  ['HIGH over LOW', 1000, 'HIGH', [{ total: 8000, priority: 'LOW' }]],
  ['MEDIUM between', 500, 'MEDIUM', [{ total: 8000, priority: 'LOW' }, { total: 8000, priority: 'HIGH' }]],
  ['other tenants', 500, 'MEDIUM', ['a', 'b', 'c'].map((tenant) => ({ tenant, total: 4000 }))],
  ['other tenant many requests', 500, 'MEDIUM', Array.from({ length: 20 }, () => ({ tenant: 'a', total: 500 }))],
  ['LOW under HIGH finishing', 4000, 'LOW', [{ total: 2000, priority: 'HIGH' }]],
]
describe('x', () => {
  test.each(CASES)('%s', async (name, total, priority, backlog) => {
    for (const rate of [null, [{ count: 200, per: 1000 }]]) {
      stage = await Stage.open()
      stage.rules = { ...stage.rules, limits: { concurrency: 10, rate } }
      stage.latency = 40
      stage.start()
      await warmUp()
      for (const options of backlog) await stage.post({ batchSize: 5, ...options })
      await stage.pass(3000)
      const before = await foretold(total, priority)
      const after = await taken({ total, priority, batchSize: 5 })
      console.log(name, rate === null ? 'conc' : 'rate', before, after, (before / after).toFixed(2))
    }
  })
})
