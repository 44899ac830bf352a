import { expect } from 'vitest'
import {
  addFailure,
  FAILURE_GROUPS_MAX,
  type FailureRun,
  REST_CODE,
} from '../../src/core/failures.ts'
import type { MappingError } from '../../src/core/verdict.ts'
import type { Store } from '../../src/store/store.ts'
import { done, ERROR, LANE, NOW, newBatch, TENANT, unfinished } from '../support/requests.ts'
import {
  audited,
  claimed,
  claimedOne,
  inserted,
  join,
  SECOND,
  settled,
  swept,
  two,
} from './steps.ts'
import type { Promises } from './store.contract.ts'

/** What the groups of failures promise: every failure is in one, once, whatever is repeated or lost. */
export const failures = {
  async 'a request without failures has no groups, and another tenant’s shows none'(store) {
    await join(store)
    const request = await inserted(store, { total: 5 })
    await settled(store, [done(await claimedOne(store))])
    expect(await store.failures(TENANT, request.id)).toEqual([])
    const failed = await inserted(store, { tenant: 'acme' })
    await settled(store, [done(await claimedOne(store), { failed: 1 })])
    expect(await store.failures(TENANT, failed.id)).toEqual([])
    expect(await store.failures('acme', failed.id)).toHaveLength(1)
  },

  async 'failures are grouped by target, code and HTTP status, the most frequent first'(store) {
    await join(store)
    const batches = [newBatch([0, 1, 2, 3, 4, 5]), newBatch([6, 7], { lane: 'erp' })]
    const { id } = await inserted(store, { batches })
    const crm = await claimedOne(store)
    const erp = await claimedOne(store, { lane: 'erp' })
    const runs = runsOf(['rejected', 422], ['late'], ['rejected', 400], ['rejected', 422], ['late'])
    await settled(store, [
      { ...done(crm, { failed: 6 }), failures: [...runs, ...runsOf(['late'])] },
      { ...done(erp, { failed: 2 }), failures: runsOf(['late'], ['late']) },
    ])
    const groups = await store.failures(TENANT, id)
    const facts = groups.map(({ target, code, httpStatus, count }) => [
      target,
      code,
      httpStatus,
      count,
    ])
    expect(facts).toEqual([
      [LANE, 'late', null, 3],
      [LANE, 'rejected', 422, 2],
      ['erp', 'late', null, 2],
      [LANE, 'rejected', 400, 1],
    ])
  },

  async 'a group keeps a mapping that failed so, and what the last one said'(store) {
    await join(store)
    const { id } = await inserted(store, { total: 10 })
    for (const [place, batch] of two(await claimed(store)).entries()) {
      const run = { ...ERROR, count: 5, sample: `map_${place}`, message: `said ${place}` }
      await settled(store, [{ ...done(batch, { failed: 5 }), failures: [run] }])
    }
    expect(await store.failures(TENANT, id)).toEqual([
      {
        target: LANE,
        code: ERROR.code,
        httpStatus: 422,
        count: 10,
        sample: 'map_0',
        message: 'said 1',
      },
    ])
  },

  async 'a checkpoint that is written again, and the settle after it, count each failure once'(
    store,
  ) {
    await join(store)
    const request = await inserted(store, { total: 5 })
    const batch = await claimedOne(store)
    const [first, all] = [runsOf(['a'], ['b']), runsOf(['a'], ['b'], ['b'], ['c'])]
    const checkpoint = unfinished(batch, { state: 'leased' }, { failed: 2 })
    for (let repeat = 0; repeat < 3; repeat += 1) {
      await settled(store, [{ ...checkpoint, failures: first }])
      expect(await counts(store, request.id)).toEqual({ a: 1, b: 1 })
    }
    await settled(store, [{ ...done(batch, { failed: 4 }), failures: all }])
    expect(await counts(store, request.id)).toEqual({ a: 1, b: 2, c: 1 })
    await audited(store, request)
  },

  async 'a checkpoint and the settle after it may come together'(store) {
    await join(store)
    const request = await inserted(store, { total: 5 })
    const batch = await claimedOne(store)
    const checkpoint = unfinished(batch, { state: 'leased' }, { failed: 1 })
    await settled(store, [
      { ...checkpoint, failures: runsOf(['a']) },
      { ...done(batch, { failed: 3 }), failures: runsOf(['a'], ['b'], ['b']) },
    ])
    expect(await counts(store, request.id)).toEqual({ a: 1, b: 2 })
  },

  async 'a batch that is rescued and tried again does not count what was written before'(store) {
    await join(store, 'worker-1', NOW + SECOND)
    const request = await inserted(store, { total: 5 })
    const dying = await claimedOne(store)
    const checkpoint = unfinished(dying, { state: 'leased' }, { failed: 2 })
    await settled(store, [{ ...checkpoint, failures: runsOf(['a'], ['a']) }])
    await join(store, 'worker-2')
    await swept(store, NOW + 2 * SECOND, 0)
    const batch = await claimedOne(store, { worker: 'worker-2' })
    await settled(store, [{ ...done(batch, { failed: 3 }), failures: runsOf(['b']) }])
    expect(await counts(store, request.id)).toEqual({ a: 2, b: 1 })
    await audited(store, request)
  },

  async 'a settlement that is refused counts no failure'(store) {
    await join(store)
    const request = await inserted(store, { total: 5 })
    const stale = await claimedOne(store)
    await settled(store, [unfinished(stale, { state: 'ready' })])
    await store.settle([done(stale, { failed: 5 })], NOW)
    expect(await store.failures(TENANT, request.id)).toEqual([])
  },

  async 'failures of one request that are settled at once are all counted'(store) {
    await join(store)
    const request = await inserted(store, { total: 50 })
    const settles = (await claimed(store)).map((batch) => settled(store, [done(batch, FIVE)]))
    await Promise.all(settles)
    expect(await counts(store, request.id)).toEqual({ [ERROR.code]: 50 })
  },

  async 'where there are too many groups, what does not fit is in one that holds the rest'(store) {
    await join(store)
    const total = FAILURE_GROUPS_MAX + 20
    const ordinals = Array.from({ length: total }, (_, ordinal) => ordinal)
    const [early, late] = [ordinals.slice(0, 990), ordinals.slice(990)]
    const batches = [newBatch(early), newBatch(late)]
    const request = await inserted(store, { batches })
    for (const batch of await claimed(store)) {
      const { first, count } = batch.ordinals
      const codes = Array.from({ length: count }, (_, place) => [`code-${first + place}`] as const)
      await settled(store, [{ ...done(batch, { failed: count }), failures: runsOf(...codes) }])
    }
    const groups = await store.failures(TENANT, request.id)
    expect(groups).toHaveLength(FAILURE_GROUPS_MAX + 1)
    expect(groups[0]).toMatchObject({ target: null, code: REST_CODE, httpStatus: null, count: 20 })
    expect((await audited(store, request)).failed).toBe(total)
  },

  async 'a code and a message of any length are kept, cut'(store) {
    await join(store)
    const { id } = await inserted(store)
    const failures = runsOf(['x'.repeat(10_000)])
    await settled(store, [{ ...done(await claimedOne(store), { failed: 1 }), failures }])
    const [group] = await store.failures(TENANT, id)
    expect(group?.code).toBe('x'.repeat(128))
  },
} satisfies Promises

const FIVE = { failed: 5 }

/** A batch's failures, as its lease tells of them. */
function runsOf(...failed: readonly (readonly [code: string, httpStatus?: number])[]) {
  const runs: FailureRun[] = []
  for (const [place, [code, httpStatus = null]] of failed.entries()) {
    const error: MappingError = { code, httpStatus, stage: 'write', message: `It said ${code}` }
    addFailure(runs, `map_${place}`, error)
  }
  return runs
}

/** How many failures of a request have each code. */
async function counts(store: Store, request: string): Promise<Readonly<Record<string, number>>> {
  const groups = await store.failures(TENANT, request)
  return Object.fromEntries(groups.map(({ code, count }) => [code, count]))
}
