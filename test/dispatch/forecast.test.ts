/** What is foretold of a request, beside what becomes of it: the real dispatcher, in simulated time. */
import { describe, expect, test } from 'vitest'
import { forecastOf } from '../../src/core/forecast.ts'
import type { Priority } from '../../src/core/mapping.ts'
import type { DurationMs } from '../../src/core/units.ts'
import type { SystemRules } from '../../src/dispatch/rules.ts'
import { outlooksOf } from '../../src/intake/outlooks.ts'
import { LANE, type RequestOptions, TENANT } from '../support/requests.ts'
import { DELIVERED, refused, Stage } from './stage.ts'

/** Where the mappings of `newRequest` come from. */
const SOURCE = 'source'

/** A stage on which it is known how long calls take. */
async function warmStage(
  rules: Partial<SystemRules>,
  prepare: (stage: Stage) => void = () => {},
  warmUp = 400,
): Promise<Stage> {
  const stage = await Stage.open()
  stage.rules = { ...stage.rules, ...rules }
  stage.latency = 40
  prepare(stage)
  stage.start()
  await stage.finished(await stage.post({ total: warmUp }))
  await stage.pass(2000)
  return stage
}

/** How long a request is foretold to take that is like this. */
async function foretold(
  { store, clock, rules }: Stage,
  total: number,
  priority: Priority,
): Promise<DurationMs> {
  const { limits, together, readable } = rules
  const sources = readable ? { [SOURCE]: total } : {}
  const lane = { target: LANE, mappings: total, batches: 1, sources: Object.keys(sources) }
  const options = { priority, metadata: {}, notBefore: null }
  const shape = { ...options, total, skipped: 0, batches: 1, batchSize: total, sample: [] }
  const facts = () => ({ limits, together, timeout: 30_000, latency: null })
  const plan = { ...shape, lanes: [lane], sources }
  const outlooks = await outlooksOf(plan, TENANT, { store, clock, facts })
  const [first, ...others] = outlooks.values()
  if (first === undefined) throw new Error('there is one lane')
  const { duration, because } = forecastOf([first, ...others], 0)
  if (duration === null) throw new Error(because)
  return duration
}

/** Foretells a request and makes it; gives how many times as long it takes. */
async function compared(stage: Stage, total: number, priority: Priority = 'MEDIUM') {
  const expected = await foretold(stage, total, priority)
  const postedAt = stage.clock.now()
  await stage.finished(await stage.post({ total, priority }))
  return (stage.clock.now() - postedAt) / expected
}

function expectAboutOne(ratio: number): void {
  expect(ratio).toBeGreaterThan(0.9)
  expect(ratio).toBeLessThan(1.1)
}

const TEN = { concurrency: 10, rate: null }
const AT_200 = { concurrency: 10, rate: [{ count: 200, per: 1000 }] }

describe('a request takes about as long as was foretold', () => {
  test.each<readonly [string, Partial<SystemRules>, number]>([
    ['with ten calls at once', { limits: TEN }, 2000],
    ['with one call at a time', { limits: { ...TEN, concurrency: 1 } }, 200],
    ['with a rate', { limits: AT_200 }, 2000],
    [
      'with windows, a burst and a cost',
      {
        limits: {
          concurrency: 10,
          rate: [
            { count: 400, per: 1000, burst: 50 },
            { count: 6000, per: 60_000 },
          ],
          cost: { read: 1, write: 2 },
        },
      },
      1000,
    ],
    ['where concurrency is found out', { limits: { ...TEN, adaptiveFrom: 1 } }, 2000],
  ])('%s', async (_, rules, total) => {
    expectAboutOne(await compared(await warmStage(rules), total))
  })

  test('where the records are read first, at the limits of their source', async () => {
    const stage = await warmStage({ limits: AT_200, readable: true }, (cold) => {
      cold.read = () => ({ kind: 'record', record: {} })
    })
    expectAboutOne(await compared(stage, 2000))
  })

  test('where the rate is learned from refusals', async () => {
    const aHundredASecond = (cold: Stage) => {
      const counts = new Map<number, number>()
      cold.answer = () => {
        const second = Math.floor(cold.clock.now() / 1000)
        const count = (counts.get(second) ?? 0) + 1
        counts.set(second, count)
        return count <= 100 ? DELIVERED : refused(429)
      }
    }
    const stage = await warmStage({ limits: TEN }, aHundredASecond, 5000)
    expectAboutOne(await compared(stage, 3000))
  })

  test.each<readonly [string, number, Priority, readonly RequestOptions[]]>([
    ['a larger one like it', 1000, 'MEDIUM', [{ total: 5000 }]],
    ['a smaller one like it', 1000, 'MEDIUM', [{ total: 300 }]],
    ['nine larger ones like it', 200, 'MEDIUM', Array(9).fill({ total: 1000 })],
    ['nine smaller ones like it', 2000, 'MEDIUM', Array(9).fill({ total: 100 })],
    ['HIGH, as LOW', 200, 'LOW', [{ total: 8000, priority: 'HIGH' }]],
    ['HIGH that is soon done, as LOW', 4000, 'LOW', [{ total: 2000, priority: 'HIGH' }]],
    ['what three other tenants have', 500, 'MEDIUM', ofTenants('a', 'b', 'c')],
    ['twenty requests of another tenant', 500, 'MEDIUM', ofTenants(...Array(20).fill('a'))],
  ])('behind %s', async (_, total, priority, backlog) => {
    for (const limits of [TEN, AT_200]) {
      const stage = await warmStage({ limits })
      for (const options of backlog) await stage.post(options)
      await stage.pass(3000)
      expectAboutOne(await compared(stage, total, priority))
    }
  })
})

function ofTenants(...tenants: readonly string[]): readonly RequestOptions[] {
  return tenants.map((tenant) => ({ tenant, total: 10_000 / tenants.length }))
}
