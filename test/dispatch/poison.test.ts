import { beforeEach, describe, expect, test } from 'vitest'
import { sleep } from '../../src/lib/clock.ts'
import type { NewRequest } from '../../src/store/store.ts'
import { claimedOne, join, swept } from '../contract/steps.ts'
import { LANE, newBatch } from '../support/requests.ts'
import { DELIVERED, Stage } from './stage.ts'

const BATCH = { total: 5, batchSize: 5 }

let stage: Stage

beforeEach(async () => {
  stage = await Stage.open()
})

/** A request of one batch that three workers died with. */
async function suspected(lane = LANE): Promise<NewRequest> {
  const { store, clock } = stage
  const request = await stage.post({ ...BATCH, lane })
  for (const worker of ['doomed-1', 'doomed-2', 'doomed-3']) {
    await join(store, worker, clock.now() + 1)
    await claimedOne(store, { worker, lane, now: clock.now() })
    await stage.pass(2)
    await swept(store, clock.now(), 0)
  }
  return request
}

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

  test('ends as poisoned where it has a batch of its own', async () => {
    const batches = [newBatch([2])]
    const [result] = await stage.finished(await stage.post({ batches }))
    expect(result).toMatchObject({ state: 'failed', error: { code: 'poisoned' } })
  })

  test('takes nobody else’s mappings with it', async () => {
    const killer = await stage.post(BATCH)
    const bystander = await stage.post({ ...BATCH, lane: 'erp' })
    await stage.finished(killer)
    for (const { state } of await stage.finished(bystander)) expect(state).toBe('completed')
  })
})

describe('a worker that is told to stop', () => {
  test('waits for no turn after its deadline, for a mapping that it was about to try alone', async () => {
    const { store, clock } = stage
    stage.rules = {
      ...stage.rules,
      limits: { concurrency: 4, rate: [{ count: 1, per: 3_600_000, burst: 1 }] },
    }
    await suspected()
    await stage.post({ total: 20, batchSize: 20 })
    const { settle } = store
    Object.assign(store, {
      async settle(...parameters: Parameters<typeof settle>) {
        await sleep(clock, 5000)
        return settle(...parameters)
      },
    })
    let isStopped = false
    const worker = stage.start()
    // The only turn for an hour.
    await stage.until(() => stage.calls.length > 0)
    void worker.stop(clock.now() + 100).then(() => {
      isStopped = true
    })
    await stage.pass(60_000)
    expect(isStopped).toBe(true)
    expect(stage.calls).toHaveLength(1)
  })

  test('ends when it has lost the mapping that it was about to try alone', async () => {
    const { store, clock } = stage
    await suspected()
    const { settle } = store
    let isStopped = false
    const worker = stage.start()
    Object.assign(store, {
      async settle(...parameters: Parameters<typeof settle>) {
        Object.assign(store, { settle })
        void worker.stop(clock.now() + 10_000).then(() => {
          isStopped = true
        })
        // It is given up, and what it held with it.
        await store.leave('worker-1-1')
        return settle(...parameters)
      },
    })
    await stage.pass(60_000)
    expect(isStopped).toBe(true)
    expect(stage.calls).toEqual([])
  })
})

test('a batch whose workers died for other reasons is carried out, one mapping at a time', async () => {
  const request = await suspected()
  stage.start()
  const results = await stage.finished(request)
  for (const result of results) expect(result).toMatchObject({ state: 'completed', attempts: 1 })
  const calls = stage.calls.map(({ at }) => at)
  expect(new Set(calls).size).toBe(BATCH.total)
})

test('of two lanes with such batches one goes on when what was known of the other is written', async () => {
  const { store, clock } = stage
  const requests = [await suspected(), await suspected('erp')]
  const { settle } = store
  let isWriting = false
  let early = 0
  Object.assign(store, {
    async settle(...parameters: Parameters<typeof settle>) {
      isWriting = true
      await sleep(clock, 1000)
      isWriting = false
      return settle(...parameters)
    },
  })
  stage.answer = () => {
    if (isWriting) early += 1
    return DELIVERED
  }
  stage.start()
  const startedAt = clock.now()
  for (const request of requests) {
    for (const { state } of await stage.finished(request)) expect(state).toBe('completed')
  }
  expect(early).toBe(0)
  // Each mapping is written down before and after.
  expect(clock.now() - startedAt).toBeLessThan(2 * 2 * BATCH.total * 1200)
})
