import { beforeEach, expect, test } from 'vitest'
import { Access } from '../../src/dispatch/access.ts'
import { Limiter } from '../../src/dispatch/limiter.ts'
import { Reporter } from '../../src/dispatch/reporter.ts'
import { openMemoryStore } from '../../src/store/sqlite/memory.ts'
import { StoreUnavailable } from '../../src/store/store.ts'
import { SimulatedClock } from '../sim/clock.ts'
import { pass } from './time.ts'

let clock: SimulatedClock
/** Under which name each report was told. */
let told: string[]
let worker: string | null
let isAway: boolean

beforeEach(async () => {
  clock = new SimulatedClock()
  told = []
  worker = 'worker-1'
  isAway = false
  const report = async (name: string) => {
    if (isAway) throw new StoreUnavailable('it is away')
    told.push(name)
  }
  const store = { ...(await openMemoryStore()), report }
  const access = new Access('crm', new Limiter({ concurrency: 4, rate: null }, clock, () => {}))
  const ports = { store, clock, emit: () => {} }
  new Reporter(
    ports,
    () => worker,
    () => [access],
  ).start()
})

test('what a worker sees is told once, and again when it goes by another name', async () => {
  await pass(clock, 5000)
  expect(told).toEqual(['worker-1'])
  worker = null
  await pass(clock, 5000)
  worker = 'worker-2'
  await pass(clock, 5000)
  expect(told).toEqual(['worker-1', 'worker-2'])
})

test('what did not arrive is told again', async () => {
  isAway = true
  await pass(clock, 5000)
  isAway = false
  await pass(clock, 5000)
  expect(told).toEqual(['worker-1'])
})
