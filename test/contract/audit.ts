import { expect } from 'vitest'
import { AUDIT_START, AUDITED_ORDINALS } from '../../src/core/audit.ts'
import { done, NOW } from '../support/requests.ts'
import { audited, auditRound, claimed, claimedOne, inserted, join, settled } from './steps.ts'
import type { Promises } from './store.contract.ts'

/** A request of two pieces. */
const TOTAL = AUDITED_ORDINALS + 100

/** What an audit promises: it goes through all that is open, and takes nothing for a bug that is none. */
export const audit = {
  async 'a round goes through all that is open, one request after the other'(store) {
    await join(store)
    await inserted(store, { total: 3 })
    await settled(store, [done(await claimedOne(store))])
    for (let n = 0; n < 3; n += 1) await inserted(store, { total: 20 })
    let calls = 0
    for (let next = AUDIT_START; ; calls += 1) {
      const audited = await store.audit(next, NOW)
      expect(audited.repaired).toBeNull()
      if (audited.next === null) break
      next = audited.next
    }
    expect(calls).toBe(3)
  },

  async 'a large request is counted in pieces'(store) {
    await join(store)
    const request = await inserted(store, { total: 2 * AUDITED_ORDINALS + 5, batchSize: 50 })
    await settled(store, [done(await claimedOne(store), { failed: 1 })])
    const first = await store.audit(AUDIT_START, NOW)
    const second = await store.audit(first.next ?? AUDIT_START, NOW)
    expect([first.next, second.next]).toMatchObject([
      { from: AUDITED_ORDINALS },
      { from: 2 * AUDITED_ORDINALS },
    ])
    const third = await store.audit(second.next ?? AUDIT_START, NOW)
    expect(third.next?.from).toBe(0)
    expect(await store.audit(third.next ?? AUDIT_START, NOW)).toEqual({
      next: null,
      repaired: null,
    })
    expect([first, second, third].map(({ repaired }) => repaired)).toEqual([null, null, null])
    expect(await audited(store, request)).toMatchObject({ failed: 1 })
  },

  async 'one that is settled between two pieces is no bug, and neither is one that ends there'(
    store,
  ) {
    await join(store)
    const request = await inserted(store, { total: TOTAL, batchSize: 50 })
    const batches = await claimed(store)
    for (const part of [batches.slice(0, 1), batches.slice(1)]) {
      const { next } = await store.audit(AUDIT_START, NOW)
      expect(next?.from).toBe(AUDITED_ORDINALS)
      await settled(
        store,
        part.map((batch) => done(batch)),
      )
      const rest = await store.audit(next ?? AUDIT_START, NOW)
      expect(rest.repaired).toBeNull()
    }
    expect(await auditRound(store)).toEqual([])
    expect(await audited(store, request)).toMatchObject({ state: 'completed', completed: TOTAL })
  },

  async 'where one ends between two of its pieces, the next is counted from its first'(store) {
    await join(store)
    await inserted(store, { total: TOTAL, batchSize: 50 })
    const other = await inserted(store, { total: 20, lane: 'erp' })
    const { next } = await store.audit(AUDIT_START, NOW)
    expect(next?.from).toBe(AUDITED_ORDINALS)
    const batches = await claimed(store)
    await settled(
      store,
      batches.map((batch) => done(batch)),
    )
    expect((await store.audit(next ?? AUDIT_START, NOW)).repaired).toBeNull()
    expect(await audited(store, other)).toMatchObject({ state: 'pending', total: 20 })
  },
} satisfies Promises
