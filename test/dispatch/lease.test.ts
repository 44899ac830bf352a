import { describe, expect, test } from 'vitest'
import { pack } from '../../src/core/packed.ts'
import type { MappingError, Standing } from '../../src/core/verdict.ts'
import { condemn } from '../../src/dispatch/isolation.ts'
import { Lease } from '../../src/dispatch/lease.ts'
import { NOW } from '../support/requests.ts'
import { claimedBatch } from './batches.ts'

const ERROR: MappingError = { code: 'timeout', message: 'no', stage: 'write', httpStatus: null }
const COMPLETED: Standing = ['completed', 1, NOW - 1000, 5, {}]
const WAITING: Standing = ['pending', 2, NOW + 5000, ERROR]
const DUE: Standing = ['pending', 1, NOW, ERROR]

function lease(options: Parameters<typeof claimedBatch>[0] = {}): Lease {
  return new Lease(claimedBatch(options), NOW)
}

function complete(of: Lease, position: number): void {
  of.end(position, { kind: 'completed', result: { ok: true } }, 1, 40, NOW)
}

describe('what a lease starts', () => {
  test('is each mapping of a fresh batch once, in order', () => {
    const own = lease({ count: 3 })
    expect([own.start(), own.start(), own.start(), own.start()]).toEqual([0, 1, 2, null])
    expect([own.unstarted, own.inFlight]).toEqual([0, 3])
  })

  test('is only what is open and due', () => {
    const own = lease({ count: 4, standings: [COMPLETED, WAITING, DUE, null] })
    expect([own.start(), own.start(), own.start()]).toEqual([2, 3, null])
  })

  test('is nothing more once it was stopped', () => {
    const own = lease({ count: 3 })
    own.start()
    own.stop()
    expect([own.start(), own.unstarted, own.ended]).toEqual([null, 0, false])
    complete(own, 0)
    expect(own.ended).toBe(true)
  })
})

test('what was started of a lease that is closed is told so, and what was not never starts', () => {
  const own = lease({ count: 3 })
  const { closed } = own.task(own.start() ?? 0)
  expect(closed.aborted).toBe(false)
  own.close()
  expect([closed.aborted, own.start(), own.ended]).toEqual([true, null, false])
  complete(own, 0)
  expect(own.settlement(NOW)).toMatchObject({ completed: 1, next: { state: 'ready' } })
})

test('a mapping has the ordinal it has in its request', () => {
  const between = lease({ count: 2, ordinals: { first: 3, last: 9, count: 2, list: [3, 9] } })
  expect([between.ordinal(0), between.ordinal(1)]).toEqual([3, 9])
  const after = lease({ count: 2, ordinals: { first: 7, last: 8, count: 2, list: null } })
  expect([after.ordinal(0), after.ordinal(1)]).toEqual([7, 8])
})

test("the request's metadata is there where an expression may ask for it, and nowhere else", () => {
  const metadata = '{"run":"nightly"}'
  const mapping = { id: 'map', source: 'source', target: 'crm' }
  const expressions = pack([{ ...mapping, transformation: { run: '{% metadata.run %}' } }])
  const literals = pack([{ ...mapping, transformation: { run: 'nightly' } }])
  const batch = { ...claimedBatch(), metadata }
  expect(new Lease({ ...batch, mappings: expressions }, NOW).metadata).toEqual({ run: 'nightly' })
  expect(new Lease({ ...batch, mappings: literals }, NOW).metadata).toBeNull()
})

describe('what is written', () => {
  test('in a checkpoint: all that is known, and the batch stays leased', () => {
    const own = lease({ id: 7, token: 3, count: 3, callback: true })
    own.start()
    own.start()
    complete(own, 1)
    expect(own.changed).toBe(true)
    const verdicts = JSON.stringify([null, ['completed', 1, NOW, 40, { ok: true }], null])
    const counts = { completed: 1, failed: 0, cancelled: 0, failures: [] }
    const next = { state: 'leased' }
    expect(own.checkpoint()).toEqual({
      ...{ batch: 7, token: 3, verdicts, ...counts },
      ...{ callback: true, next },
    })
    expect(own.changed).toBe(false)
  })

  test('once more, when nothing has changed: no verdicts, and the same counts', () => {
    const own = lease({ count: 2, standings: [COMPLETED, null] })
    expect(own.checkpoint()).toMatchObject({ verdicts: null, completed: 1 })
  })

  test('at the end: done, when every mapping is final', () => {
    const own = lease({ count: 3, standings: [COMPLETED, ['cancelled', 0, NOW, null], null] })
    own.start()
    own.end(2, { kind: 'failed', error: ERROR }, 1, 40, NOW)
    const counts = { completed: 1, failed: 1, cancelled: 1 }
    expect(own.settlement(NOW)).toMatchObject({ ...counts, next: { state: 'done' } })
  })

  test('at the end: waiting, until the first of those that wait is due', () => {
    const own = lease({ count: 3 })
    for (const [position, runAt] of [NOW + 9000, NOW + 4000, NOW + 4800].entries()) {
      own.start()
      own.end(position, { kind: 'retry', runAt, error: ERROR }, 1, 40, NOW)
    }
    const next = { state: 'waiting', runAt: NOW + 4800 }
    expect(own.settlement(NOW)).toMatchObject({ completed: 0, failed: 0, next })
  })

  test('at the end: ready, when something of it was not even started', () => {
    const own = lease({ count: 3 })
    own.start()
    own.stop()
    own.end(0, { kind: 'retry', runAt: NOW + 4000, error: ERROR }, 1, 40, NOW)
    expect(own.settlement(NOW).next).toEqual({ state: 'ready' })
  })

  test('of its failures: all since it was claimed, in order, and none from before', () => {
    const before: Standing = ['failed', 1, NOW, 40, ERROR]
    const own = lease({ count: 4, standings: [before, null, null, null] })
    for (const code of ['late', 'late', 'lost']) {
      const position = own.start()
      own.end(position ?? 0, { kind: 'failed', error: { ...ERROR, code } }, 1, 40, NOW)
      own.checkpoint()
    }
    const { failed, failures } = own.settlement(NOW)
    expect(failed).toBe(4)
    expect(failures).toEqual([
      { code: 'late', httpStatus: null, count: 2, sample: 'map_1', message: 'no' },
      { code: 'lost', httpStatus: null, count: 1, sample: 'map_3', message: 'no' },
    ])
  })

  test('later does not change what was written before', () => {
    const own = lease({ count: 2 })
    const fail = (position: number) => {
      own.start()
      own.end(position, { kind: 'failed', error: ERROR }, 1, 40, NOW)
    }
    fail(0)
    const { failures } = own.checkpoint()
    fail(1)
    expect(failures).toMatchObject([{ count: 1 }])
  })

  test('of a mapping that waits: its attempts, when it is due, and its last error', () => {
    const own = lease()
    own.start()
    own.end(0, { kind: 'retry', runAt: NOW + 4000, error: ERROR }, 2, 40, NOW)
    const standings: unknown = JSON.parse(own.settlement(NOW).verdicts ?? '')
    expect(standings).toEqual([['pending', 2, NOW + 4000, ERROR]])
  })
})

describe('isolation', () => {
  test('begins when three workers have died with the batch', () => {
    const isolated = [0, 1, 2, 3, 4].map((rescues) => lease({ rescues }).isolated)
    expect(isolated).toEqual([false, false, false, true, true])
  })

  test('spends an attempt before it is made, and keeps the last error', () => {
    const own = lease({ count: 2, standings: [DUE, null], rescues: 3 })
    own.spend(0, NOW)
    own.spend(1, NOW)
    expect([own.attempts(0), own.attempts(1)]).toEqual([2, 1])
    const standings: unknown = JSON.parse(own.checkpoint().verdicts ?? '')
    expect(standings).toEqual([
      ['pending', 2, NOW, ERROR],
      ['pending', 1, NOW, null],
    ])
  })

  test('condemns one mapping, which is not tried, and leaves the others open', () => {
    const own = lease({ count: 3, rescues: 3 })
    own.condemn(1, ERROR, NOW)
    expect([own.isDue(0), own.isDue(1), own.isDue(2)]).toEqual([true, false, true])
    expect(own.checkpoint()).toMatchObject({ failed: 1 })
    expect([own.unstarted, own.start(), own.start(), own.start()]).toEqual([2, 0, 2, null])
  })

  test('condemns nothing that waits for its time: how its last attempt ended is known', () => {
    const waiting: Standing = ['pending', 3, NOW + 4000, ERROR]
    const own = lease({ count: 3, standings: [waiting, null, waiting], rescues: 3 })
    condemn(own, { attempts: 3, first: 100, cap: 100 }, NOW)
    expect(own.checkpoint()).toMatchObject({ failed: 0 })
    expect([own.unstarted, own.start(), own.start()]).toEqual([1, 1, null])
  })
})
