import { beforeEach, describe, expect, test } from 'vitest'
import { claimedOne, join, swept } from '../contract/steps.ts'
import { LANE } from '../support/requests.ts'
import { DELIVERED, Stage } from './stage.ts'

const BATCH = { total: 5, batchSize: 5 }

let stage: Stage

beforeEach(async () => {
  stage = await Stage.open()
})

describe('a mapping that kills its worker each time', () => {
  let deaths: number

  beforeEach(() => {
    deaths = 0
    stage.answer = ({ id, target }, worker) => {
      if (target === LANE && id === 'map_2') {
        deaths += 1
        worker.crash()
        stage.start()
      }
      return DELIVERED
    }
    stage.start()
  })

  test('ends as poisoned, and its neighbours complete', async () => {
    const results = await stage.finished(await stage.post(BATCH))
    expect(results.map(({ state }) => state)).toEqual([
      'completed',
      'completed',
      'failed',
      'completed',
      'completed',
    ])
    const { attempts } = stage.rules.retry
    expect(results[2]).toMatchObject({ attempts, error: { code: 'poisoned' } })
    // Three deaths to be suspected, and then one for each attempt.
    expect(deaths).toBe(3 + attempts)
  })

  test('takes nobody else’s mappings with it', async () => {
    const killer = await stage.post(BATCH)
    const bystander = await stage.post({ ...BATCH, lane: 'erp' })
    await stage.finished(killer)
    for (const { state } of await stage.finished(bystander)) expect(state).toBe('completed')
  })
})

test('a batch whose workers died for other reasons is carried out, one mapping at a time', async () => {
  const { store, clock } = stage
  const request = await stage.post(BATCH)
  for (const worker of ['doomed-1', 'doomed-2', 'doomed-3']) {
    await join(store, worker, clock.now() + 1)
    await claimedOne(store, { worker, now: clock.now() })
    await stage.pass(2)
    await swept(store, clock.now(), 0)
  }
  stage.start()
  const results = await stage.finished(request)
  for (const result of results) expect(result).toMatchObject({ state: 'completed', attempts: 1 })
  const calls = stage.calls.map(({ at }) => at)
  expect(new Set(calls).size).toBe(BATCH.total)
})
