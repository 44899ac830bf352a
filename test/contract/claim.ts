import { expect } from 'vitest'
import type { ClaimedBatch } from '../../src/store/store.ts'
import { LANE, NOW, unfinished } from '../support/requests.ts'
import { audited, claimed, claimedOne, inserted, join, SECOND, settled, two } from './steps.ts'
import type { Promises } from './store.contract.ts'

/** What claim promises: who gets batches, which, and how many. Their order is another topic. */
export const claim = {
  async 'an unknown worker is given nothing and changes nothing'(store) {
    const request = await inserted(store)
    expect(await claimed(store, { worker: 'stranger' })).toEqual([])
    expect(await audited(store, request)).toMatchObject({ state: 'pending', startedAt: null })
  },

  async 'a batch is handed over as it was taken in'(store) {
    await join(store)
    const metadata = { ticket: 'OPS-1' }
    const request = await inserted(store, { tenant: 'acme', total: 3, metadata })
    expect(await claimed(store)).toEqual([
      {
        id: expect.any(Number),
        token: expect.any(Number),
        request: request.id,
        tenant: 'acme',
        lane: LANE,
        rank: expect.any(Number),
        rescues: 0,
        ordinals: { first: 0, last: 2, count: 3, list: null },
        mappings: request.batches[0]?.mappings,
        metadata: JSON.stringify(metadata),
        verdicts: null,
        probe: false,
        callback: false,
      },
    ])
  },

  async 'where nothing is ready, nothing is given'(store) {
    await join(store)
    const want = { lane: 'never heard of', mappings: 5, below: null, turn: 0 }
    expect(await store.claim('worker-1', [want], NOW)).toEqual({ batches: [], due: [], closed: [] })
    expect(await store.claim('worker-1', [], NOW)).toEqual({ batches: [], due: [], closed: [] })
  },

  async 'only the wanted lanes are claimed from, each as far as it was wanted'(store) {
    await join(store)
    for (const lane of ['crm', 'erp', 'shop']) await inserted(store, { lane, total: 20 })
    const { batches } = await store.claim(
      'worker-1',
      [
        { lane: 'crm', mappings: 5, below: null, turn: 0 },
        { lane: 'shop', mappings: 15, below: null, turn: 0 },
      ],
      NOW,
    )
    expect(batches.map(({ lane }) => lane).sort()).toEqual(['crm', 'shop', 'shop', 'shop'])
  },

  async 'claims go on until the wanted mappings are there, and the last batch may go over'(store) {
    await join(store)
    await inserted(store, { total: 50 })
    expect(await claimed(store, { mappings: 5 })).toHaveLength(1)
    expect(await claimed(store, { mappings: 7 })).toHaveLength(2)
    expect(await claimed(store, { mappings: 10 })).toHaveLength(2)
    expect(await claimed(store, { mappings: 1 })).toHaveLength(1)
    expect(await claimed(store)).toHaveLength(4)
  },

  async 'a batch is given to one worker at a time'(store) {
    const workers = ['worker-1', 'worker-2', 'worker-3']
    for (const worker of workers) await join(store, worker)
    await inserted(store, { total: 100 })
    const rounds = [1, 2, 3, 4].flatMap(() => workers)
    const given = await Promise.all(
      rounds.map((worker) => claimed(store, { worker, mappings: 10 })),
    )
    expect(new Set(given.flat().map(({ id }) => id)).size).toBe(20)
    expect(given.flat()).toHaveLength(20)
  },

  async 'the first claim starts the request, and no later one starts it again'(store) {
    await join(store)
    const request = await inserted(store, { total: 10 })
    await claimedOne(store, { now: NOW + SECOND })
    const started = { state: 'in_progress', startedAt: NOW + SECOND, finishedAt: null }
    expect(await audited(store, request)).toMatchObject(started)
    await claimedOne(store, { now: NOW + 2 * SECOND })
    expect(await audited(store, request)).toMatchObject(started)
  },

  async 'a claim starts no request but those it takes from'(store) {
    await join(store)
    await inserted(store)
    const behind = await inserted(store)
    await claimedOne(store)
    expect(await audited(store, behind)).toMatchObject({ state: 'pending', startedAt: null })
  },

  async 'the token rises at every claim of a batch, whatever ended the one before'(store) {
    await join(store)
    await inserted(store)
    const tokens: number[] = []
    for (let turn = 0; turn < 4; turn += 1) {
      const batch: ClaimedBatch = await claimedOne(store)
      tokens.push(batch.token)
      const waiting = { state: 'waiting', runAt: NOW } as const
      await settled(store, [unfinished(batch, turn % 2 === 0 ? { state: 'ready' } : waiting)])
    }
    expect(tokens).toEqual([...new Set(tokens)].sort((one, other) => one - other))
  },

  async 'a waiting batch is claimed when it is due, and not a millisecond before'(store) {
    await join(store)
    await inserted(store, { total: 5 })
    const batch = await claimedOne(store)
    const due = NOW + SECOND
    const retry = unfinished(batch, { state: 'waiting', runAt: due }, { completed: 2 })
    await settled(store, [retry])
    expect(await claimed(store, { now: due - 1 })).toEqual([])
    expect(await claimedOne(store, { now: due })).toEqual({
      ...batch,
      token: expect.any(Number),
      verdicts: retry.verdicts,
    })
  },

  async 'each waiting batch has its own time'(store) {
    await join(store)
    await inserted(store, { total: 15 })
    const batches = await claimed(store)
    await settled(
      store,
      batches.map((batch, place) =>
        unfinished(batch, { state: 'waiting', runAt: NOW + (place + 1) * SECOND }),
      ),
    )
    expect(await claimed(store, { now: NOW })).toHaveLength(0)
    expect(await claimed(store, { now: NOW + 2 * SECOND })).toHaveLength(2)
    expect(await claimed(store, { now: NOW + 3 * SECOND })).toHaveLength(1)
  },

  async 'with `below`, only batches of lower rank are given, even to the oldest'(store) {
    await join(store)
    await inserted(store, { total: 15 })
    const [first, second] = two(await claimed(store, { mappings: 10 }))
    await settled(store, [
      unfinished(first, { state: 'ready' }),
      unfinished(second, { state: 'ready' }),
    ])
    const lowest = Math.min(first.rank, second.rank)
    const other = Math.max(first.rank, second.rank)
    for (const turn of [0, 7]) {
      expect(await claimed(store, { below: lowest, turn })).toEqual([])
    }
    expect((await claimed(store, { below: other })).map(({ rank }) => rank)).toEqual([lowest])
  },
} satisfies Promises
