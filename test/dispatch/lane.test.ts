import { beforeEach, describe, expect, test } from 'vitest'
import { Access } from '../../src/dispatch/access.ts'
import { Isolation } from '../../src/dispatch/isolation.ts'
import { Lane } from '../../src/dispatch/lane.ts'
import { Lease } from '../../src/dispatch/lease.ts'
import { Limiter } from '../../src/dispatch/limiter.ts'
import { SimulatedClock } from '../sim/clock.ts'
import { LANE, NOW } from '../support/requests.ts'
import { claimedBatch } from './batches.ts'

const CONCURRENCY = 10

let lane: Lane
let isolation: Isolation

beforeEach(() => {
  isolation = new Isolation()
  const limits = { concurrency: CONCURRENCY, rate: null }
  const limiter = new Limiter(limits, new SimulatedClock(), () => {})
  lane = new Lane(new Access(LANE, limiter), isolation)
})

function add(options: Parameters<typeof claimedBatch>[0]): Lease {
  const lease = new Lease(claimedBatch(options), NOW)
  lane.add(lease)
  return lease
}

/** Starts so many mappings; gives the ids of their batches. */
function start(times: number): readonly (number | null)[] {
  return Array.from({ length: times }, () => lane.start()?.lease.batch.id ?? null)
}

describe('the order of a lane', () => {
  test('goes by rank, lowest first, whatever the order of claims', () => {
    add({ id: 1, rank: 30, count: 2 })
    add({ id: 2, rank: 10, count: 2 })
    add({ id: 3, rank: 20, count: 2 })
    expect(start(7)).toEqual([2, 2, 3, 3, 1, 1, null])
  })

  test('goes by age between equals', () => {
    add({ id: 1, rank: 10 })
    add({ id: 2, rank: 10 })
    expect(start(2)).toEqual([1, 2])
  })

  test('gives every eighth turn to the batch that was made first', () => {
    add({ id: 1, rank: 1000, count: 20 })
    add({ id: 2, rank: 1, count: 100 })
    const started = start(24)
    const oldest = started.flatMap((id, turn) => (id === 1 ? [turn] : []))
    expect(oldest).toEqual([7, 15, 23])
  })

  test('lets a batch of lower rank overtake what was claimed before it', () => {
    add({ id: 1, rank: 10, count: 5 })
    expect(start(2)).toEqual([1, 1])
    add({ id: 2, rank: 1, count: 1 })
    expect(start(2)).toEqual([2, 1])
  })

  test('tries nothing of a batch that may kill while another such mapping is under way', () => {
    add({ id: 1, rank: 1, count: 3, rescues: 3 })
    add({ id: 2, rank: 2, count: 2 })
    isolation.enter()
    expect(start(3)).toEqual([2, 2, null])
    isolation.leave()
    expect(start(1)).toEqual([1])
  })

  test('probes with one mapping', () => {
    add({ count: 3, probe: true })
    expect(start(2)).toEqual([1, null])
  })
})

describe('what a lane has in hand', () => {
  test('is counted down as it starts, and when a lease goes', () => {
    const lease = add({ id: 1, count: 5 })
    add({ id: 2, count: 3 })
    expect(lane.unstarted).toBe(8)
    start(2)
    expect([lane.unstarted, lane.inFlight]).toEqual([6, 2])
    expect(lane.remove(lease)).toBe(true)
    expect(lane.unstarted).toBe(3)
    expect(lane.remove(lease)).toBe(false)
    expect(lane.unstarted).toBe(3)
  })

  test('does not start any more once it was stopped', () => {
    add({ count: 5 })
    start(1)
    lane.stop()
    expect([lane.unstarted, ...start(1)]).toEqual([0, null])
  })

  test('is as many times more as one call holds, whether or not there is a turn just now', () => {
    const together = 20
    lane = new Lane(lane.access, isolation, together)
    for (let turn = 0; turn < CONCURRENCY; turn++) void lane.limiter.take()
    add({ count: 1000 })
    expect(lane.open(NOW)).toBe(true)
    lane.inFlight = 2 * CONCURRENCY * together
    expect(lane.open(NOW)).toBe(false)
  })

  test('is no more than reads and writes have turns for', () => {
    add({ count: 100 })
    expect(lane.open(NOW)).toBe(true)
    start(2 * CONCURRENCY)
    expect(lane.open(NOW)).toBe(false)
  })
})

describe('what a lane wants', () => {
  test('is nothing while the store is not known to have any', () => {
    expect(lane.want(NOW)).toBeNull()
  })

  test('is nothing while this worker has no part of the limit', () => {
    lane.more = true
    lane.limiter.assign(null)
    expect(lane.want(NOW)).toBeNull()
  })

  test('is twice what may be under way, at first, and nothing while half of that is there', () => {
    lane.more = true
    const all = { lane: LANE, mappings: 2 * CONCURRENCY, below: null, turn: 0 }
    expect(lane.want(NOW)).toEqual(all)
    add({ count: CONCURRENCY })
    expect(lane.want(NOW)).toEqual({ ...all, mappings: CONCURRENCY, turn: 1 })
    add({ count: 1 })
    expect(lane.want(NOW)).toBeNull()
  })

  test('is what it is likely to start within two seconds, and half as much after each of a pause', () => {
    lane.more = true
    add({ count: 1000 })
    lane.want(NOW)
    start(1000)
    expect(lane.want(NOW + 100)?.mappings).toBe(10_000)
    const wanted = Array.from({ length: 12 }, (_, n) => lane.want(NOW + 1100 + n * 1000)?.mappings)
    expect(wanted.slice(0, 4)).toEqual([10_000, 5_000, 2_500, 1_250])
    expect(wanted.at(-1)).toBe(2 * CONCURRENCY)
  })

  test('is no more than that where calls begin in bursts, a round of them every 50 ms', () => {
    lane.more = true
    lane.limiter.assign({ workers: 1, position: 0 })
    const wanted: number[] = []
    for (let round = 0; round < 40; round++) {
      add({ id: round + 1, rank: 1, count: CONCURRENCY })
      start(CONCURRENCY)
      for (const after of [1, 6, 20])
        wanted.push(lane.want(NOW + round * 50 + after)?.mappings ?? 0)
    }
    // 200 calls a second, so 400 in two seconds.
    expect(Math.max(...wanted)).toBeLessThanOrEqual(450)
    expect(wanted.at(-1)).toBeGreaterThanOrEqual(350)
  })

  test('is whatever overtakes what it has, though it has enough', () => {
    lane.more = true
    add({ rank: 10, count: CONCURRENCY / 2 })
    add({ rank: 20, count: 50 })
    lane.hinted = 15
    const urgent = { lane: LANE, mappings: CONCURRENCY, below: 20, turn: 2 }
    expect(lane.want(NOW)).toEqual(urgent)
    lane.hinted = 20
    expect(lane.want(NOW)).toBeNull()
  })

  test('is not yet what overtakes, while enough goes before that anyhow', () => {
    add({ rank: 10, count: CONCURRENCY })
    add({ rank: 20, count: 50 })
    lane.hinted = 15
    expect(lane.want(NOW)).toBeNull()
    start(CONCURRENCY / 2)
    expect(lane.want(NOW)).toMatchObject({ mappings: CONCURRENCY, below: 20 })
  })

  test('is nothing while its gate is closed, or a probe is out', () => {
    lane.more = true
    lane.gate.closedUntil = NOW + 1
    expect(lane.want(NOW)).toBeNull()
    expect(lane.want(NOW + 1)).not.toBeNull()
    lane.gate.probing = 'write'
    expect(lane.want(NOW + 1)).toBeNull()
  })
})

test('a closed gate starts nothing until its time has come', () => {
  lane.gate.closedUntil = NOW + 1
  expect(lane.open(NOW)).toBe(false)
  expect(lane.open(NOW + 1)).toBe(true)
})

test('a lane is idle when it has nothing and expects nothing', () => {
  expect(lane.idle).toBe(true)
  lane.due = NOW
  expect(lane.idle).toBe(false)
  lane.due = null
  add({})
  expect(lane.idle).toBe(false)
})
