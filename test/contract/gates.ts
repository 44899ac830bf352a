import { expect } from 'vitest'
import type { ClosedGate } from '../../src/core/gate.ts'
import type { Store } from '../../src/store/store.ts'
import { LANE, NOW, unfinished } from '../support/requests.ts'
import {
  audited,
  claimed,
  DELICATE,
  inserted,
  join,
  MINUTE,
  only,
  SECOND,
  settled,
} from './steps.ts'
import type { Promises } from './store.contract.ts'

const UNTIL = NOW + 30 * SECOND
const THROTTLED: ClosedGate = { state: 'throttled', until: UNTIL, reason: 'It answered 429.' }
const HELD: ClosedGate = { state: 'held', until: UNTIL, reason: 'It answered 401.' }

/** What a gate promises: a closed lane gives nothing, or one batch to see, to any worker. */
export const gates = {
  async 'a closed lane gives nothing, says why, and touches nothing'(store) {
    const request = await backlog(store)
    for (const gate of [THROTTLED, HELD]) {
      await store.gate(LANE, gate)
      const closed = [{ lane: LANE, gate }]
      expect(await claimAt(store, UNTIL - 1)).toEqual({ batches: [], due: [], closed })
    }
    expect(await audited(store, request)).toMatchObject({ state: 'pending', startedAt: null })
  },

  async 'a gate is closed for every worker'(store) {
    await backlog(store)
    await join(store, 'worker-2')
    await store.gate(LANE, THROTTLED)
    expect((await claimAt(store, NOW, 'worker-2')).closed).toHaveLength(1)
  },

  async 'a closed lane does not hold up another'(store) {
    await backlog(store)
    await inserted(store, { lane: 'erp' })
    await store.gate(LANE, THROTTLED)
    const wants = [LANE, 'erp'].map((lane) => ({ lane, mappings: 5, below: null, turn: 0 }))
    const { batches, closed } = await store.claim('worker-1', wants, NOW)
    expect(batches.map(({ lane }) => lane)).toEqual(['erp'])
    expect(closed.map(({ lane }) => lane)).toEqual([LANE])
  },

  async 'a gate holds for what is taken in later'(store) {
    await join(store)
    await store.gate(LANE, THROTTLED)
    await inserted(store)
    expect(await claimed(store)).toEqual([])
  },

  async 'a throttled lane opens by itself when its time has come'(store) {
    await backlog(store)
    await store.gate(LANE, THROTTLED)
    const { batches, closed } = await claimAt(store, UNTIL)
    expect(closed).toEqual([])
    expect(batches.map(({ probe }) => probe)).toEqual([false, false, false])
  },

  async 'a held lane lets one batch through a minute, to see'(store) {
    await backlog(store)
    await store.gate(LANE, HELD)
    for (const now of [UNTIL, UNTIL + MINUTE]) {
      const { batches, closed } = await claimAt(store, now)
      expect(only(batches).probe).toBe(true)
      expect(only(closed)).toMatchObject({ lane: LANE, gate: { state: 'held' } })
      const after = {
        batches: [],
        due: [],
        closed: [{ lane: LANE, gate: { ...HELD, until: now + MINUTE } }],
      }
      expect(await claimAt(store, now)).toEqual(after)
      expect(await claimAt(store, now + MINUTE - 1)).toEqual(after)
    }
  },

  async 'a held lane that has nothing to be probed with may be probed as soon as it has'(store) {
    await join(store)
    await store.gate(LANE, HELD)
    expect((await claimAt(store, UNTIL)).batches).toEqual([])
    await inserted(store)
    expect(only((await claimAt(store, UNTIL)).batches).probe).toBe(true)
  },

  async 'of two workers that ask a held lane at once, one probes'(store) {
    await backlog(store)
    await join(store, 'worker-2')
    await store.gate(LANE, HELD)
    const claims = await Promise.all(
      ['worker-1', 'worker-2'].map((worker) => claimAt(store, UNTIL, worker)),
    )
    expect(only(claims.flatMap(({ batches }) => batches)).probe).toBe(true)
  },

  async 'a held lane all of whose batches wait is probed with one that is due'(store) {
    await backlog(store)
    const batches = await claimed(store)
    await settled(
      store,
      batches.map((batch) => unfinished(batch, { state: 'waiting', runAt: UNTIL })),
    )
    await store.gate(LANE, HELD)
    expect(only((await claimAt(store, UNTIL)).batches).probe).toBe(true)
  },

  async 'null opens a lane at once, for all of it'(store) {
    await backlog(store)
    for (const gate of [THROTTLED, HELD]) {
      await store.gate(LANE, gate)
      await store.gate(LANE, null)
      const { batches, closed } = await claimAt(store, NOW)
      expect(closed).toEqual([])
      expect(batches.map(({ probe }) => probe)).toEqual([false, false, false])
      await settled(
        store,
        batches.map((batch) => unfinished(batch, { state: 'ready' })),
      )
    }
  },

  async 'the last gate that was set is the one that holds'(store) {
    await backlog(store)
    await store.gate(LANE, HELD)
    const reason = DELICATE.join('')
    const last: ClosedGate = { state: 'throttled', until: UNTIL + MINUTE, reason }
    await store.gate(LANE, last)
    expect((await claimAt(store, UNTIL)).closed).toEqual([{ lane: LANE, gate: last }])
  },

  async 'who is told to wait for less does not shorten the wait of all'(store) {
    await backlog(store)
    await store.gate(LANE, THROTTLED)
    for (const state of ['throttled', 'tripped'] as const) {
      await store.gate(LANE, { state, until: NOW + SECOND, reason: 'It has another to blame.' })
      const closed = [{ lane: LANE, gate: THROTTLED }]
      expect(await claimAt(store, NOW + SECOND)).toEqual({ batches: [], due: [], closed })
    }
    const longer: ClosedGate = { ...THROTTLED, until: UNTIL + SECOND }
    await store.gate(LANE, longer)
    expect((await claimAt(store, UNTIL)).closed).toEqual([{ lane: LANE, gate: longer }])
  },

  async 'what a probe is told holds, though it is to wait for less'(store) {
    await backlog(store)
    await store.gate(LANE, HELD)
    const shorter: ClosedGate = { ...THROTTLED, until: UNTIL - SECOND }
    await store.gate(LANE, shorter)
    expect((await claimAt(store, NOW)).closed).toEqual([{ lane: LANE, gate: shorter }])
  },
} satisfies Promises

/** A worker, and three batches of one lane for it. */
async function backlog(store: Store) {
  await join(store)
  return inserted(store, { total: 15 })
}

function claimAt(store: Store, now: number, worker = 'worker-1') {
  return store.claim(worker, [{ lane: LANE, mappings: 100, below: null, turn: 0 }], now)
}
