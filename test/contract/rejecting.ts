import { expect } from 'vitest'
import { resultsOf } from '../../src/core/results.ts'
import type { NewRequest, Piece, Store } from '../../src/store/store.ts'
import {
  done,
  NOW,
  newBatch,
  newRequest,
  piecesOf,
  rejectedBatch,
  TENANT,
  wholeOf,
} from '../support/requests.ts'
import {
  allBatches,
  audited,
  claimed,
  cleared,
  join,
  only,
  opened,
  released,
  settled,
  swept,
  UNTIL,
} from './steps.ts'
import type { Promises } from './store.contract.ts'

/** What is promised of the mappings of a request that are not taken, and of what can be read of the rest meanwhile. */
export const rejecting = {
  async 'what is not taken of a request has failed, and is accounted for with the rest'(store) {
    await join(store)
    const request = await partlyTaken(store)
    expect(await audited(store, request)).toMatchObject({
      ...{ state: 'pending', total: 10, failed: 4, completed: 0 },
    })
    expect(await store.totals()).toEqual({ activeRequests: 1, openMappings: 6 })
    await released(store)
    const batches = await claimed(store)
    expect(batches.map(({ ordinals }) => ordinals)).toEqual(
      request.batches.map(({ ordinals }) => ordinals),
    )
    const { finished } = await settled(
      store,
      batches.map((batch) => done(batch)),
    )
    expect(only(finished)).toMatchObject({ state: 'failed', completed: 6, failed: 4 })
    await audited(store, request)
    expect(await store.totals()).toEqual({ activeRequests: 0, openMappings: 0 })
    expect((await swept(store, NOW, 0)).repaired).toEqual([])
  },

  async 'what is not taken can be read with the rest, in its place, and why'(store) {
    const request = await partlyTaken(store)
    const all = { from: 0, to: 10, reaching: 0, state: null }
    const results = (await store.batches(TENANT, request.id, all)).batches
      .flatMap((batch) => resultsOf(batch, all))
      .toSorted((a, b) => a.ordinal - b.ordinal)
    expect(results.map(({ id }) => id)).toEqual(
      Array.from({ length: 10 }, (_, ordinal) => `map_${ordinal}`),
    )
    for (const { ordinal, state, error } of results) {
      const isTaken = ![2, 3, 5, 8].includes(ordinal)
      expect(state).toBe(isTaken ? 'pending' : 'failed')
      expect(error).toEqual(
        isTaken
          ? null
          : { code: 'invalid_mapping', message: 'Bad.', stage: 'read', httpStatus: null },
      )
    }
    const failed = await store.batches(TENANT, request.id, { ...all, state: 'failed' })
    expect(failed.batches.map(({ ordinals }) => ordinals.first)).toEqual([2, 3])
  },

  async 'a piece of which something is not taken counts once, though it is sent again'(store) {
    const request = await partlyTaken(store, 2)
    expect(await allBatches(store, request.id)).toHaveLength(4)
    expect(await audited(store, request)).toMatchObject({ total: 10, failed: 4 })
  },

  async 'what is not taken makes no work, and is for no lane'(store) {
    await partlyTaken(store)
    expect(await store.system('shop')).toMatchObject({ open: 0, leased: 0, waiting: 0 })
    await released(store)
    expect(await store.systemNames('', 10)).toEqual(['crm'])
  },

  async 'what was given up is cleared away with what was not taken of it'(store) {
    const { request, pieces } = partsOf()
    await opened(store, request)
    for (const piece of pieces) await store.stage(request, piece, UNTIL, NOW)
    await store.abandon(request)
    await cleared(store)
    expect(await store.insert(newRequest({ id: request.id }))).toEqual({ kind: 'inserted' })
    expect(await audited(store, request)).toMatchObject({ total: 1, failed: 0 })
    expect(await allBatches(store, request.id)).toHaveLength(1)
  },

  async 'what was staged can be read back, before it is complete and afterwards'(store) {
    const { request, pieces } = partsOf()
    await opened(store, request)
    const read = async (from: number, to: number) => {
      const staged = await store.received(request, from, to)
      return staged.toSorted((a, b) => a.ordinals.first - b.ordinals.first)
    }
    expect(await read(0, 10)).toEqual([])
    for (const piece of pieces) await store.stage(request, piece, UNTIL, NOW)
    const parts = pieces.flatMap(({ batches, rejected = [] }) => [...batches, ...rejected])
    const texts = parts
      .map(({ ordinals, mappings }) => ({ ordinals, mappings }))
      .toSorted((a, b) => a.ordinals.first - b.ordinals.first)
    expect(await read(0, 10)).toEqual(texts)
    const reaches = ({ ordinals }: (typeof texts)[number], from: number, to: number) =>
      ordinals.first < to && ordinals.last >= from
    for (const [from, to] of [
      [0, 1],
      [2, 3],
      [9, 10],
      [10, 11],
    ] as const) {
      expect(await read(from, to)).toEqual(texts.filter((text) => reaches(text, from, to)))
    }
    expect(await store.received({ ...request, tenant: 'theirs' }, 0, 10)).toEqual([])
    await store.complete(request, wholeOf(request, 4))
    expect(await read(0, 10)).toEqual(texts)
  },

  async 'nothing can be read back of what was given up'(store) {
    const { request, pieces } = partsOf()
    await opened(store, request)
    for (const piece of pieces) await store.stage(request, piece, UNTIL, NOW)
    await store.abandon(request)
    expect(await store.received(request, 0, 10)).toEqual([])
  },
} satisfies Promises

/** A request of ten mappings in two pieces; of each, something is not taken. */
function partsOf(): { request: NewRequest; pieces: readonly Piece[] } {
  const batches = [newBatch([0, 1, 4]), newBatch([6, 7, 9])]
  const request = newRequest({ batches })
  const rejected = [rejectedBatch([2, 5]), rejectedBatch([3, 8], { lane: 'shop' })]
  let staged = 0
  const pieces = piecesOf(request, 1).map((piece, place) => {
    const next = { ...piece, staged, rejected: rejected.slice(place, place + 1) }
    staged += 5
    return next
  })
  return { request, pieces }
}

/** Takes in such a request, each piece of which is sent so many times. */
async function partlyTaken(store: Store, times = 1): Promise<NewRequest> {
  const { request, pieces } = partsOf()
  await opened(store, request)
  for (const piece of pieces) {
    for (let time = 0; time < times; time++) {
      expect(await store.stage(request, piece, UNTIL, NOW)).toBe(true)
    }
  }
  expect(await store.complete(request, wholeOf(request, 4))).toBe(true)
  return request
}
