import { expect } from 'vitest'
import { pack } from '../../src/core/packed.ts'
import type { MappingState } from '../../src/core/verdict.ts'
import { BATCHES_LENGTH_MAX, type BatchRange, type Store } from '../../src/store/store.ts'
import { done, LANE, NOW, newBatch, newRequest, TENANT, unfinished } from '../support/requests.ts'
import {
  allBatches,
  claimed,
  claimedOne,
  DAY,
  inserted,
  join,
  listed,
  only,
  SECOND,
  settled,
  staged,
  three,
} from './steps.ts'
import type { Promises } from './store.contract.ts'

/** What can be asked about requests and their batches, and by whom. */
export const queries = {
  async 'a request that is not there is null, whatever is asked for'(store) {
    await inserted(store)
    for (const id of [newRequest().id, 'no-uuid', '', "' OR 1=1 --"]) {
      expect(await store.request(TENANT, id)).toBeNull()
      expect(await allBatches(store, id)).toEqual([])
    }
  },

  async 'a tenant sees its own requests and no others'(store) {
    const ours = await inserted(store, { tenant: 'ours' })
    const theirs = await inserted(store, { tenant: 'theirs' })
    expect(await store.request('ours', theirs.id)).toBeNull()
    expect(await store.request('theirs', ours.id)).toBeNull()
    expect(await allBatches(store, ours.id, 'theirs')).toEqual([])
    expect(await allBatches(store, ours.id, 'ours')).toHaveLength(1)
    expect(await listed(store, {}, 'ours')).toEqual([ours.id])
    expect(await listed(store, { before: theirs.id }, 'ours')).toEqual([ours.id])
    expect(await listed(store, {}, 'nobody')).toEqual([])
  },

  async 'a key says what its tenant has used it for'(store) {
    const idempotency = { key: 'key-1', fingerprint: 'f1' }
    const { id } = await inserted(store, { tenant: 'ours', idempotency })
    expect(await store.keyed('ours', 'key-1')).toEqual({
      ...{ request: id, fingerprint: 'f1', isReceiving: false },
    })
    expect(await store.keyed('ours', 'key-2')).toBeNull()
    expect(await store.keyed('theirs', 'key-1')).toBeNull()
  },

  async 'requests are listed newest first, as they are'(store) {
    const ids = await many(store, 5)
    expect(await listed(store)).toEqual(ids)
    const everything = { state: null, priority: null, createdAfter: null, before: null, limit: 1 }
    const newest = only(await store.requests(TENANT, everything))
    expect(newest).toEqual(await store.request(TENANT, ids[0] ?? ''))
  },

  async 'pages follow one another without a gap or a repeat, though requests come in'(store) {
    const ids = await many(store, 7)
    const read: string[] = []
    for (let page = 0; page < 4; page += 1) {
      read.push(...(await listed(store, { limit: 2, before: read.at(-1) ?? null })))
      await inserted(store)
    }
    expect(read).toEqual(ids)
  },

  async 'requests are filtered by state'(store) {
    await join(store)
    const failed = await inserted(store)
    await settled(store, [done(await claimedOne(store), { failed: 1 })])
    const cancelled = await inserted(store)
    await settled(store, [done(await claimedOne(store), { cancelled: 1 })])
    const completed = await inserted(store)
    await settled(store, [done(await claimedOne(store))])
    const started = await inserted(store)
    await claimedOne(store)
    const pending = await inserted(store)
    expect(await listed(store, { state: 'failed' })).toEqual([failed.id])
    expect(await listed(store, { state: 'cancelled' })).toEqual([cancelled.id])
    expect(await listed(store, { state: 'completed' })).toEqual([completed.id])
    expect(await listed(store, { state: 'in_progress' })).toEqual([started.id])
    expect(await listed(store, { state: 'pending' })).toEqual([pending.id])
  },

  async 'requests are filtered by priority and by age, together with paging'(store) {
    const old = await inserted(store, { priority: 'HIGH', createdAt: NOW - 3 * DAY })
    const first = await inserted(store, { priority: 'HIGH' })
    await inserted(store, { priority: 'LOW' })
    const second = await inserted(store, { priority: 'HIGH' })
    const createdAfter = NOW - DAY
    expect(await listed(store, { priority: 'HIGH' })).toEqual([second.id, first.id, old.id])
    expect(await listed(store, { priority: 'HIGH', createdAfter })).toEqual([second.id, first.id])
    expect(await listed(store, { priority: 'HIGH', createdAfter, before: second.id })).toEqual([
      first.id,
    ])
    expect(await listed(store, { priority: 'MEDIUM' })).toEqual([])
  },

  async 'a filtered list is newest first over all that it lets through, page after page'(store) {
    await join(store)
    const wanted: string[] = []
    for (const priority of ['LOW', 'HIGH', 'MEDIUM', 'LOW', 'MEDIUM', 'HIGH'] as const) {
      await inserted(store, { priority: 'LOW', tenant: 'another', lane: 'erp' })
      wanted.unshift((await inserted(store, { priority, lane: 'erp' })).id)
      await inserted(store, { priority })
      await settled(store, [done(await claimedOne(store))])
    }
    const read: string[] = []
    for (let page = 0; page < 4; page += 1) {
      const before = read.at(-1) ?? null
      read.push(...(await listed(store, { state: 'pending', limit: 2, before })))
    }
    expect(read).toEqual(wanted)
    const high = [wanted[0], wanted[4]]
    expect(await listed(store, { state: 'pending', priority: 'HIGH' })).toEqual(high)
    expect(await listed(store, { state: 'completed', priority: 'HIGH' })).toHaveLength(2)
    expect(await listed(store, { priority: 'HIGH' })).toHaveLength(4)
  },

  async 'what was created at the very moment is not after it'(store) {
    const at = NOW - 5000
    const [older, same, younger] = [
      await inserted(store, { createdAt: at - 1 }),
      await inserted(store, { createdAt: at }),
      await inserted(store, { createdAt: at + 1 }),
    ]
    expect(await listed(store, { createdAfter: at })).toEqual([younger.id])
    expect(await listed(store, { createdAfter: at - 1 })).toEqual([younger.id, same.id])
    expect(await listed(store, { createdAfter: at, state: 'pending' })).toEqual([younger.id])
    const all = [younger.id, same.id, older.id]
    expect(await listed(store, { createdAfter: -62_135_596_800_000 })).toEqual(all)
    expect(await listed(store, { createdAfter: 253_402_300_799_999 })).toEqual([])
  },

  async 'batches come in order of their first ordinal, those and only those in the range'(store) {
    const { id } = await inserted(store, { total: 50 })
    expect(await firsts(store, id, 0, 50)).toEqual([0, 5, 10, 15, 20, 25, 30, 35, 40, 45])
    expect(await firsts(store, id, 10, 20)).toEqual([10, 15])
    expect(await firsts(store, id, 11, 21)).toEqual([15, 20])
    expect(await firsts(store, id, 12, 13)).toEqual([])
    expect(await firsts(store, id, 45, 1000)).toEqual([45])
    expect(await firsts(store, id, 46, 1000)).toEqual([])
  },

  async 'of those batches, such as end too early may be left out'(store) {
    const { id } = await inserted(store, { total: 50 })
    const reaching = (ordinal: number) => firsts(store, id, 0, 50, { reaching: ordinal })
    expect(await reaching(39)).toEqual([35, 40, 45])
    expect(await reaching(40)).toEqual([40, 45])
    expect(await reaching(50)).toEqual([])
  },

  async 'no more batches come at once than a thread can hold, and none is lost'(store) {
    const text = 'x'.repeat(BATCHES_LENGTH_MAX / 4)
    const batches = Array.from({ length: 9 }, (_, place) => {
      const data = place === 7 ? text.repeat(9) : text
      const mapping = { id: `map_${place}`, source: 'source', target: LANE, data }
      return newBatch([2 * place, 2 * place + 1], { mappings: pack([mapping, mapping]) })
    })
    const { id } = await inserted(store, { batches })
    const pages: number[][] = []
    for (let from = 0; from < 100; ) {
      const range = { from, to: 100, reaching: 0, state: null }
      const some = await store.batches(TENANT, id, range)
      pages.push(some.batches.map(({ ordinals }) => ordinals.first))
      from = some.next
    }
    // Each of them has its text twice.
    expect(pages).toEqual([[0, 2], [4, 6], [8, 10], [12, 14], [16]])
  },

  async 'a batch whose ordinals lie between those of others comes back whole'(store) {
    const batches = [
      newBatch([0, 3, 6], { lane: 'crm' }),
      newBatch([1, 4, 7], { lane: 'erp' }),
      newBatch([2, 5, 8], { lane: 'shop' }),
      newBatch([9, 10, 11], { lane: 'crm' }),
    ]
    const { id } = await inserted(store, { batches })
    expect(await allBatches(store, id)).toEqual(
      batches.map((batch) => ({ ...batch, verdicts: null, closed: null })),
    )
    expect(await firsts(store, id, 0, 9, { reaching: 6 })).toEqual([0, 1, 2])
    expect(await firsts(store, id, 0, 10, { reaching: 8 })).toEqual([2, 9])
    expect(await firsts(store, id, 0, 12, { reaching: 9 })).toEqual([9])
    await join(store)
    expect(only(await claimed(store, { lane: 'erp' })).ordinals).toEqual(batches[1]?.ordinals)
  },

  async 'the first batches of many requests come at once, each as it is'(store) {
    await join(store)
    const ours = [await inserted(store, { total: 12 }), await inserted(store)]
    const theirs = await inserted(store, { tenant: 'theirs' })
    const receiving = await staged(store, { total: 3 })
    await settled(store, [done(await claimedOne(store))])
    await store.cancel(TENANT, ours[1]?.id ?? '', NOW)
    const ids = [...ours, theirs, receiving].map(({ id }) => id)
    const found = await store.firstBatches(TENANT, [...ids, 'none'])
    const firsts = await Promise.all(
      ours.map(async ({ id }) => [id, (await allBatches(store, id))[0]] as const),
    )
    expect(found).toEqual(new Map(firsts))
    expect(found.get(ours[1]?.id ?? '')?.closed).toEqual({ as: 'cancelled', at: NOW })
    expect(await store.firstBatches(TENANT, [])).toEqual(new Map())
  },

  async 'with a state, batches in which no mapping stands so are left out'(store) {
    await join(store)
    const { id } = await inserted(store, { total: 25 })
    const [completed, failed, cancelled] = three(await claimed(store, { mappings: 15 }))
    const mixed = await claimedOne(store)
    await settled(store, [
      done(completed),
      done(failed, { failed: 5 }),
      done(cancelled, { cancelled: 5 }),
      unfinished(mixed, { state: 'leased' }, { completed: 1, failed: 1, cancelled: 1 }),
    ])
    const of = (state: MappingState) => firsts(store, id, 0, 25, { state })
    const [inMixed, untouched] = [mixed.ordinals.first, 20]
    expect(await of('completed')).toEqual([completed.ordinals.first, inMixed])
    expect(await of('failed')).toEqual([failed.ordinals.first, inMixed])
    expect(await of('cancelled')).toEqual([cancelled.ordinals.first, inMixed])
    expect(await of('pending')).toEqual([inMixed, untouched])
  },

  async 'a mapping that waits for its next attempt is pending'(store) {
    await join(store)
    const { id } = await inserted(store)
    const batch = await claimedOne(store)
    const error = { code: 'target_unavailable', message: '', stage: 'write', httpStatus: 503 }
    const verdicts = JSON.stringify([['pending', 1, NOW + SECOND, error]])
    const retry = unfinished(batch, { state: 'waiting', runAt: NOW + SECOND })
    await settled(store, [{ ...retry, verdicts }])
    expect(await firsts(store, id, 0, 1, { state: 'pending' })).toEqual([0])
    expect(await firsts(store, id, 0, 1, { state: 'failed' })).toEqual([])
  },

  async 'the totals count what is not final yet, over all tenants'(store) {
    expect(await store.totals()).toEqual({ activeRequests: 0, openMappings: 0 })
    await join(store)
    await inserted(store, { tenant: 'ours', total: 10 })
    await inserted(store, { tenant: 'theirs', total: 5, lane: 'erp' })
    expect(await store.totals()).toEqual({ activeRequests: 2, openMappings: 15 })
    const batch = await claimedOne(store, { lane: 'erp' })
    await settled(store, [unfinished(batch, { state: 'leased' }, { completed: 1, failed: 1 })])
    expect(await store.totals()).toEqual({ activeRequests: 2, openMappings: 13 })
    await settled(store, [done(batch, { failed: 1 })])
    expect(await store.totals()).toEqual({ activeRequests: 1, openMappings: 10 })
    for (const rest of await claimed(store)) await settled(store, [done(rest)])
    expect(await store.totals()).toEqual({ activeRequests: 0, openMappings: 0 })
  },
} satisfies Promises

/** Makes so many requests; their ids, newest first. */
async function many(store: Store, count: number): Promise<readonly string[]> {
  const ids: string[] = []
  for (let place = 0; place < count; place += 1) ids.unshift((await inserted(store)).id)
  return ids
}

/** The first ordinals of the batches in a range that is small enough to come at once. */
async function firsts(
  store: Store,
  request: string,
  from: number,
  to: number,
  rest: Partial<Pick<BatchRange, 'reaching' | 'state'>> = {},
): Promise<readonly number[]> {
  const some = await store.batches(TENANT, request, {
    ...{ from, to, reaching: 0, state: null, ...rest },
  })
  expect(some.next).toBe(to)
  return some.batches.map(({ ordinals }) => ordinals.first)
}
