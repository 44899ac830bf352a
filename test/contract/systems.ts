import { expect } from 'vitest'
import type { ClosedGate } from '../../src/core/gate.ts'
import { NO_OVERRIDE } from '../../src/core/limits.ts'
import type { SystemReport } from '../../src/core/report.ts'
import { OVERRIDES_MAX, type Prospect, type Store } from '../../src/store/store.ts'
import { done, LANE, NOW, newBatch, TENANT, unfinished } from '../support/requests.ts'
import {
  claimed,
  claimedOne,
  DAY,
  inserted,
  join,
  MINUTE,
  SECOND,
  settled,
  swept,
  waitingOf,
} from './steps.ts'
import type { Promises } from './store.contract.ts'

const UNTIL = NOW + 30 * SECOND
const HELD: ClosedGate = { state: 'held', until: UNTIL, reason: 'It answered 401.' }
const RATE = [{ count: 50, per: 1000 }]
const REPORT: SystemReport = {
  at: NOW,
  concurrency: 4,
  perMinute: 100,
  learned: null,
  learnedRate: null,
  lastError: null,
}

/** What operators change and see of systems, while everything runs. */
export const systems = {
  async 'an override changes what it names, and keeps the rest'(store) {
    const first = { concurrency: 3, rate: null, paused: false }
    expect(await store.override(LANE, { concurrency: 3 })).toEqual(first)
    expect(await store.override(LANE, { rate: RATE })).toEqual({ ...first, rate: RATE })
    expect(await store.override(LANE, { concurrency: null })).toEqual({
      ...NO_OVERRIDE,
      rate: RATE,
    })
    expect((await store.system(LANE)).override).toEqual({ ...NO_OVERRIDE, rate: RATE })
  },

  async 'a worker that asks what there is to do hears of gates and overrides'(store) {
    await store.gate(LANE, HELD)
    await store.override('erp', { paused: true })
    const { systems: controls } = await store.work(NOW)
    expect(controls).toHaveLength(2)
    expect(controls).toContainEqual({ system: LANE, gate: HELD, override: NO_OVERRIDE })
    const override = { ...NO_OVERRIDE, paused: true }
    expect(controls).toContainEqual({ system: 'erp', gate: null, override })
  },

  async 'a gate and an override leave each other alone'(store) {
    await store.override(LANE, { concurrency: 3 })
    await store.gate(LANE, HELD)
    await store.override(LANE, { paused: true })
    await store.gate(LANE, null)
    const override = { concurrency: 3, rate: null, paused: true }
    expect(await store.system(LANE)).toMatchObject({ gate: null, override })
  },

  async 'every change is hinted at'(store) {
    const hints: string[] = []
    const all = Promise.withResolvers<void>()
    store.onWork(({ lane, rank }) => {
      if (lane !== null && rank === null) hints.push(lane)
      if (new Set(hints).size === 3) all.resolve()
    })
    await store.gate('a', HELD)
    await store.override('b', { paused: true })
    await store.resume('c', NOW)
    await all.promise
  },

  async 'a paused lane gives nothing, and holds up no other'(store) {
    await backlog(store)
    await store.override(LANE, { paused: true })
    expect(await claimed(store)).toEqual([])
    await inserted(store, { lane: 'erp' })
    expect(await claimed(store, { lane: 'erp' })).toHaveLength(1)
    await store.override(LANE, { paused: false })
    expect(await claimed(store)).toHaveLength(3)
  },

  async 'a held gate can be probed now when it is resumed, and only once'(store) {
    await backlog(store)
    await store.gate(LANE, HELD)
    expect(await store.resume(LANE, NOW)).toEqual({ ...HELD, until: NOW })
    expect((await claimed(store)).map(({ probe }) => probe)).toEqual([true])
    expect(await claimed(store)).toEqual([])
  },

  async 'resuming what is open changes nothing'(store) {
    expect(await store.resume(LANE, NOW)).toBeNull()
    expect((await store.system(LANE)).gate).toBeNull()
  },

  async 'the right to probe is given once a minute, when the time has come'(store) {
    expect(await store.probe(LANE, NOW)).toBe(false)
    await store.gate(LANE, HELD)
    expect(await store.probe(LANE, UNTIL - 1)).toBe(false)
    expect(await store.probe(LANE, UNTIL)).toBe(true)
    expect(await store.probe(LANE, UNTIL)).toBe(false)
    expect(await store.probe(LANE, UNTIL + MINUTE)).toBe(true)
  },

  async 'a request waits for the closed systems that it has open mappings for'(store) {
    await join(store)
    const batches = ['crm', 'erp', 'crm', 'shop'].map((lane, at) => newBatch([at], { lane }))
    const { id } = await inserted(store, { batches })
    await store.gate('crm', HELD)
    await store.override('shop', { paused: true })
    await store.gate('other', HELD)
    const waiting = async () =>
      (await waitingOf(store, TENANT, id)).map(({ system, mappings }) => [system, mappings]).sort()
    expect(await waiting()).toEqual([
      ['crm', 2],
      ['shop', 1],
    ])
    await store.gate('crm', null)
    await settled(store, [done(await claimedOne(store, { lane: 'crm' }))])
    await store.gate('crm', HELD)
    expect(await waiting()).toEqual([
      ['crm', 1],
      ['shop', 1],
    ])
    expect(await waitingOf(store, 'another', id)).toEqual([])
  },

  async 'a request waits for a closed system that it reads from'(store) {
    await join(store)
    const sources = { shop: 12, erp: 3, other: 0 }
    const { id } = await inserted(store, { total: 12, sources })
    await settled(store, [done(await claimedOne(store))])
    for (const system of ['shop', 'erp', 'constructor']) await store.gate(system, HELD)
    const waiting = await waitingOf(store, TENANT, id)
    expect(waiting.map(({ system, mappings }) => [system, mappings]).sort()).toEqual([
      ['erp', null],
      ['shop', 7],
    ])
    const rest = await claimed(store)
    await settled(
      store,
      rest.map((batch) => done(batch)),
    )
    expect(await waitingOf(store, TENANT, id)).toEqual([])
  },

  async 'a request for one system waits for it with all that is open'(store) {
    await join(store)
    const { id } = await inserted(store, { total: 12 })
    await settled(store, [done(await claimedOne(store))])
    expect(await waitingOf(store, TENANT, id)).toEqual([])
    await store.gate(LANE, HELD)
    const [waiting] = await waitingOf(store, TENANT, id)
    expect(waiting).toEqual({ system: LANE, gate: HELD, override: NO_OVERRIDE, mappings: 7 })
  },

  async 'many requests are asked about at once, and those that wait for nothing are left out'(
    store,
  ) {
    await join(store)
    const open = [await inserted(store, { total: 7 }), await inserted(store, { total: 3 })]
    const other = await inserted(store, { lane: 'erp' })
    const theirs = await inserted(store, { tenant: 'another' })
    const ended = await inserted(store, { lane: 'shop' })
    await settled(store, [done(await claimedOne(store, { lane: 'shop' }))])
    const ids = [...open, other, theirs, ended].map(({ id }) => id)
    expect(await store.waiting(TENANT, ids)).toEqual(new Map())
    for (const lane of [LANE, 'shop']) await store.gate(lane, HELD)
    const waiting = await store.waiting(TENANT, ids)
    const mappings = open.map(({ id }) => waiting.get(id)?.map((one) => one.mappings))
    expect(mappings).toEqual([[7], [3]])
    expect(waiting.size).toBe(2)
    expect(await store.waiting(TENANT, [])).toEqual(new Map())
  },

  async 'many systems are told of at once, in the order in which they are asked for'(store) {
    await join(store)
    await inserted(store, { total: 20 })
    await claimedOne(store)
    const terms = { notBefore: NOW + MINUTE }
    await inserted(store, { total: 3, lane: 'erp', terms, createdAt: NOW })
    const batches = ['erp', 'shop'].map((lane, at) => newBatch([at], { lane }))
    await inserted(store, { batches, terms, createdAt: NOW })
    await store.override('shop', { paused: true })
    const names = ['shop', 'nobody', LANE, 'erp']
    const systems = await store.systems(names)
    expect(systems).toEqual(await Promise.all(names.map((name) => store.system(name))))
    expect(systems).toMatchObject([
      { system: 'shop', open: 1, waiting: 1, override: { paused: true } },
      { system: 'nobody', open: 0, waiting: 0 },
      { system: LANE, open: 20, leased: 5, waiting: 0 },
      { system: 'erp', open: 4, waiting: 4 },
    ])
    expect(await store.systems([])).toEqual([])
  },

  async 'so many systems may be changed, and no more; those that are can be changed again'(store) {
    const names = Array.from({ length: OVERRIDES_MAX }, (_, place) => `system-${place}`)
    await Promise.all(names.map((name) => store.override(name, { concurrency: 3 })))
    await store.gate('gated', HELD)
    for (const name of ['one-more', 'gated']) {
      expect(await store.override(name, { paused: true })).toBeNull()
      expect((await store.system(name)).override).toEqual(NO_OVERRIDE)
    }
    expect(await store.override('one-more', { paused: false, rate: null })).toEqual(NO_OVERRIDE)
    expect(await store.systemNames('one-more', 1)).toEqual(['system-0'])
    expect(await store.override('system-7', { paused: true })).toMatchObject({ concurrency: 3 })
    await store.override('system-8', { concurrency: null })
    expect(await store.override('one-more', { paused: true })).toMatchObject({ paused: true })
    expect(await store.override('gated', { paused: true })).toBeNull()
  },

  async 'a change that changes nothing is no system'(store) {
    expect(await store.override(LANE, { paused: false })).toEqual(NO_OVERRIDE)
    expect(await store.systemNames('', 10)).toEqual([])
    expect((await store.work(NOW)).systems).toEqual([])
  },

  async 'a system tells what is open for it, in hand, and waiting'(store) {
    await join(store)
    const createdAt = NOW - MINUTE
    await inserted(store, { total: 20, createdAt })
    const [first, second] = await claimed(store, { mappings: 10 })
    if (first === undefined || second === undefined) throw new Error('expected two')
    const next = { state: 'waiting', runAt: NOW + SECOND } as const
    await settled(store, [unfinished(first, next, { completed: 2 })])
    expect(await store.system(LANE)).toMatchObject({
      system: LANE,
      open: 18,
      leased: 5,
      waiting: 3,
      oldest: createdAt,
    })
  },

  async 'the oldest that nobody has in hand may be one that waits for another attempt'(store) {
    await join(store)
    const createdAt = NOW - MINUTE
    await inserted(store, { createdAt })
    const next = { state: 'waiting', runAt: NOW + SECOND } as const
    await settled(store, [unfinished(await claimedOne(store), next)])
    await inserted(store, { createdAt: NOW - SECOND })
    expect((await store.system(LANE)).oldest).toBe(createdAt)
  },

  async 'an unknown system is plain'(store) {
    expect(await store.system('nobody')).toEqual({
      system: 'nobody',
      gate: null,
      override: NO_OVERRIDE,
      open: 0,
      leased: 0,
      waiting: 0,
      oldest: null,
      reports: [],
    })
  },

  async 'a system tells how many mappings have a lower rank than a new request will get'(store) {
    await join(store)
    for (const [lane, priority, mappings] of NEW) {
      await inserted(store, { lane, total: 20 })
      await inserted(store, { lane, priority: 'LOW', total: 40 })
      await inserted(store, { lane, tenant: 'other', priority: 'HIGH', total: 200 })
      await settled(store, [done(await claimedOne(store, { lane }))])
      const inHand = await claimedOne(store, { lane })
      const { queue } = await store.load(lane, { tenant: TENANT, priority, mappings })
      const { id } = await inserted(store, { lane, priority, total: mappings })
      const all = [inHand, ...(await claimed(store, { lane }))]
      const own = all.filter(({ request }) => request === id)
      expect(queue.end).toBe(Math.max(...own.map(({ rank }) => rank)))
      const others = all.filter(({ request, rank }) => request !== id && rank < queue.end)
      expect(queue.before).toBe(others.reduce((sum, { ordinals }) => sum + ordinals.count, 0))
      expect(queue).toMatchObject({ counted: queue.end, open: 255 })
    }
  },

  async 'the load of a system says how it may be called, and what is told of it'(store) {
    await join(store)
    await store.gate(LANE, HELD)
    await store.override(LANE, { concurrency: 3 })
    await store.report('worker-1', [{ system: LANE, report: REPORT }])
    expect(await store.load(LANE, { ...PROSPECT, mappings: 8 })).toEqual({
      system: LANE,
      gate: HELD,
      override: { ...NO_OVERRIDE, concurrency: 3 },
      queue: { start: 0, end: 2, before: 0, counted: 2, open: 0 },
      reports: [REPORT],
    })
  },

  async 'of very many batches that would go before, the first are counted'(store) {
    await inserted(store, { priority: 'HIGH', total: 1200, batchSize: 1 })
    const { queue } = await store.load(LANE, { ...PROSPECT, mappings: 1000 })
    expect(queue).toMatchObject({ start: 0, end: 250, before: 1000, open: 1200 })
    expect(queue.counted).toBe(1000 / 16)
  },

  async 'systems are named in order, as many as are asked for'(store) {
    await join(store)
    await inserted(store, { lane: 'c' })
    await store.gate('a', HELD)
    await store.report('worker-1', [{ system: 'b', report: REPORT }])
    expect(await store.systemNames('', 10)).toEqual(['a', 'b', 'c'])
    expect(await store.systemNames('a', 1)).toEqual(['b'])
    expect(await store.systemNames('c', 10)).toEqual([])
  },

  async 'the last report of each live worker is kept, and goes with it'(store) {
    await join(store)
    await join(store, 'worker-2', NOW + 15 * SECOND)
    const report = async (worker: string, perMinute: number) =>
      store.report(worker, [{ system: LANE, report: { ...REPORT, perMinute } }])
    await report('worker-1', 1)
    await report('worker-1', 2)
    await report('worker-2', 3)
    await report('nobody', 4)
    const told = async () =>
      (await store.system(LANE)).reports.map(({ perMinute }) => perMinute).sort()
    expect(await told()).toEqual([2, 3])
    await store.leave('worker-1')
    expect(await told()).toEqual([3])
    await swept(store, NOW + 60 * MINUTE, 0)
    expect(await told()).toEqual([])
  },

  async 'what is told of receivers of callbacks is forgotten after a day, and of systems it is not'(
    store,
  ) {
    await join(store)
    const [old, recent] = ['callback:https://a.example.com', 'callback:https://b.example.com']
    const later = { ...REPORT, at: NOW + 1 }
    await store.report('worker-1', [
      { system: LANE, report: REPORT },
      { system: old, report: REPORT },
      { system: recent, report: later },
    ])
    await swept(store, NOW + DAY, 0)
    expect(await store.systemNames('', 10)).toEqual([old, recent, LANE])
    await swept(store, NOW + DAY + 1, 0)
    expect(await store.systemNames('', 10)).toEqual([recent, LANE])
    expect((await store.system(old)).reports).toEqual([])
    expect((await store.system(recent)).reports).toEqual([later])
  },

  async 'a request remembers where it stood some seconds ago'(store) {
    await join(store)
    const { id } = await inserted(store, { total: 30 })
    expect((await store.request(TENANT, id))?.pace).toBeNull()
    const paces: unknown[] = []
    for (let at = NOW; at <= NOW + 12 * SECOND; at += 4 * SECOND) {
      await settled(store, [done(await claimedOne(store, { now: at }))], at)
      paces.push((await store.request(TENANT, id))?.pace)
    }
    expect(paces).toEqual([
      { at: NOW, processed: 0 },
      { at: NOW, processed: 0 },
      { at: NOW, processed: 0 },
      { at: NOW, processed: 0 },
    ])
    await settled(store, [done(await claimedOne(store))], NOW + 16 * SECOND)
    expect((await store.request(TENANT, id))?.pace).toEqual({ at: NOW + 8 * SECOND, processed: 15 })
  },
} satisfies Promises

/** A worker, and three batches of one lane for it. */
async function backlog(store: Store): Promise<void> {
  await join(store)
  await inserted(store, { total: 15 })
}

const NEW = [
  ['a', 'HIGH', 80],
  ['b', 'MEDIUM', 10],
  ['c', 'LOW', 5],
] as const

const PROSPECT: Prospect = { tenant: TENANT, priority: 'MEDIUM', mappings: 1 }
