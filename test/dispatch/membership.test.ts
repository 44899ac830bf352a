import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { BEAT_EVERY_MS, LIFETIME_MS, Membership } from '../../src/dispatch/membership.ts'
import type { Part } from '../../src/dispatch/part.ts'
import type { Clock } from '../../src/lib/clock.ts'
import { openMemoryStore } from '../../src/store/sqlite/memory.ts'
import { type DispatchStore, type Store, StoreUnavailable } from '../../src/store/store.ts'
import { claimed, inserted, swept } from '../contract/steps.ts'
import { SimulatedClock } from '../sim/clock.ts'
import { pass } from './time.ts'

const REJOINED_WITHIN_MS = 750

let clock: SimulatedClock
let store: Store

beforeEach(async () => {
  clock = new SimulatedClock()
  store = await openMemoryStore()
  onTestFinished(() => store.close())
})

/** One worker's membership, and what it was told. */
class Member {
  readonly membership: Membership
  /** Every part it was told, and null for having been lost. */
  readonly parts: (Part | null)[] = []
  readonly events: string[] = []
  /** Whether the calls it has under way are within its part. */
  fits = true
  losses = 0

  constructor(name: string, by: DispatchStore = store, own: Clock = clock) {
    let lives = 0
    this.membership = new Membership(
      {
        store: by,
        clock: own,
        random: () => 0.5,
        host: 'somewhere',
        newId: () => `${name}-${++lives}`,
        emit: ({ event }) => this.events.push(event),
      },
      (part) => this.parts.push(part),
      () => this.fits,
      () => {
        this.losses += 1
      },
    )
  }

  /** The part it may use now. */
  get part(): Part | null {
    return this.parts.at(-1) ?? null
  }
}

describe('a worker that joins', () => {
  test('has all of every limit at once when it is alone', async () => {
    const alone = new Member('alone')
    await alone.membership.start()
    expect(alone.part).toEqual({ workers: 1, position: 0 })
    expect(alone.membership.id).toBe('alone-1')
    expect(alone.events).toEqual(['worker_joined'])
  })

  test('waits for no beat where the others are told of it', async () => {
    const first = new Member('first')
    const second = new Member('second')
    await first.membership.start()
    await second.membership.start()
    const { epoch } = await store.work(clock.now())
    first.membership.heed(epoch)
    await pass(clock, 1)
    expect(first.part).toEqual({ workers: 2, position: 0 })
    expect(second.part).toBeNull()
    await pass(clock, 250)
    expect(second.part).toEqual({ workers: 2, position: 1 })
  })

  test('does not beat early when nobody waits', async () => {
    const first = new Member('first')
    await first.membership.start()
    const { epoch } = await store.work(clock.now())
    first.membership.heed(epoch)
    await pass(clock, 1)
    expect(first.parts).toHaveLength(1)
    // Nor while its calls are more than its part allows, and nobody waits for room.
    first.fits = false
    await pass(clock, 2 * BEAT_EVERY_MS)
    expect(first.parts).toHaveLength(3)
  })

  test('beats early once, however often it is told', async () => {
    const first = new Member('first')
    await first.membership.start()
    await new Member('second').membership.start()
    const { epoch } = await store.work(clock.now())
    const beats = vi.spyOn(store, 'beat')
    for (let time = 0; time < 3; time++) first.membership.heed(epoch)
    await pass(clock, 1)
    // It says at once that it has heard.
    expect(beats).toHaveBeenCalledTimes(2)
  })

  test('gets no part before the others have made room, and then everyone has one', async () => {
    const first = new Member('first')
    const second = new Member('second')
    await first.membership.start()
    await pass(clock, 1000)
    await second.membership.start()
    expect(second.part).toBeNull()
    expect(first.part).toEqual({ workers: 1, position: 0 })

    // The first hears of it with its next beat, and says so; the second hears that with its own.
    await pass(clock, BEAT_EVERY_MS - 1000)
    expect(first.part).toEqual({ workers: 2, position: 0 })
    expect(second.part).toBeNull()
    await pass(clock, BEAT_EVERY_MS)
    expect(second.part).toEqual({ workers: 2, position: 1 })
  })

  test('gets none while the calls of the others are more than their parts allow', async () => {
    const first = new Member('first')
    const second = new Member('second')
    await first.membership.start()
    await second.membership.start()
    first.fits = false
    // Some time after its usual beats, and before the next one.
    await pass(clock, 4 * BEAT_EVERY_MS + 1000)
    expect(first.part).toEqual({ workers: 2, position: 0 })
    expect(second.part).toBeNull()
    first.fits = true
    // The first looks again soon, and the second asks as often.
    await pass(clock, 2 * 250)
    expect(second.part).toEqual({ workers: 2, position: 1 })
  })

  test('never makes the parts in use more than one whole', async () => {
    const members = ['a', 'b', 'c', 'd'].map((name) => new Member(name))
    for (const member of members) {
      await member.membership.start()
      for (let time = 0; time < 12; time++) {
        await pass(clock, 1000)
        const used = members.reduce(
          (sum, { part }) => sum + (part === null ? 0 : 1 / part.workers),
          0,
        )
        expect(used).toBeLessThanOrEqual(1)
      }
    }
    expect(members.map(({ part }) => part)).toEqual(
      [0, 1, 2, 3].map((position) => ({ workers: 4, position })),
    )
  })

  test('leaves room to the others when it stops', async () => {
    const first = new Member('first')
    const second = new Member('second')
    await first.membership.start()
    await second.membership.start()
    await pass(clock, 2 * BEAT_EVERY_MS)
    await first.membership.stop()
    expect(first.membership.id).toBeNull()
    await pass(clock, BEAT_EVERY_MS)
    expect(second.part).toEqual({ workers: 1, position: 0 })
  })
})

describe('a worker that cannot reach the store', () => {
  test('gives itself up before anybody else may', async () => {
    const cut = cuttable()
    const member = new Member('member', cut.store)
    await member.membership.start()
    cut.isCut = true
    await pass(clock, LIFETIME_MS - 1)
    expect(member.losses).toBe(1)
    expect(member.part).toBeNull()
    expect(member.membership.id).toBeNull()
    expect((await swept(store, clock.now(), 0)).rescued).toEqual([])
    await pass(clock, 2)
    expect((await swept(store, clock.now(), 0)).rescued).toEqual([
      { worker: 'member-1', batches: 0 },
    ])
  })

  test('keeps what it has while it is away for less than that', async () => {
    const cut = cuttable()
    const member = new Member('member', cut.store)
    await member.membership.start()
    cut.isCut = true
    await pass(clock, 2 * BEAT_EVERY_MS)
    cut.isCut = false
    await pass(clock, 10 * LIFETIME_MS)
    expect(member.losses).toBe(0)
    expect(member.membership.id).toBe('member-1')
  })

  test('joins anew, under another name, when the store is there again', async () => {
    const cut = cuttable()
    const member = new Member('member', cut.store)
    await member.membership.start()
    cut.isCut = true
    await pass(clock, 2 * LIFETIME_MS)
    cut.isCut = false
    await pass(clock, REJOINED_WITHIN_MS)
    expect(member.membership.id).toBe('member-2')
    expect(member.losses).toBe(1)
    expect(member.part).toEqual({ workers: 1, position: 0 })
  })

  test('gives back what it held under its former name, unblamed, and waits for no rescue', async () => {
    const cut = cuttable()
    const member = new Member('member', cut.store)
    await member.membership.start()
    await inserted(store)
    expect(await claimed(store, { worker: 'member-1', now: clock.now() })).toHaveLength(1)
    cut.isCut = true
    await pass(clock, 2 * LIFETIME_MS)
    cut.isCut = false
    await pass(clock, REJOINED_WITHIN_MS)
    expect(await claimed(store, { worker: 'member-2', now: clock.now() })).toMatchObject([
      { rescues: 0 },
    ])
  })

  test('gives nothing back before others may have it: targets may still be busy with it', async () => {
    const cut = cuttable()
    const member = new Member('member', cut.store)
    await member.membership.start()
    cut.isCut = true
    await pass(clock, LIFETIME_MS - 2000)
    expect(member.losses).toBe(1)
    cut.isCut = false
    await pass(clock, REJOINED_WITHIN_MS)
    expect(member.membership.id).toBe('member-2')
    expect(member.part).toBeNull()
    await pass(clock, LIFETIME_MS)
    expect(member.part).toEqual({ workers: 1, position: 0 })
  })

  test('starts as well, and joins when the store is there', async () => {
    const cut = cuttable()
    cut.isCut = true
    const member = new Member('member', cut.store)
    await member.membership.start()
    expect(member.membership.id).toBeNull()
    cut.isCut = false
    await pass(clock, REJOINED_WITHIN_MS)
    expect(member.membership.id).toBe('member-1')
  })
})

test('a worker that was given up by the others loses everything, and joins anew', async () => {
  const member = new Member('member')
  await member.membership.start()
  await store.leave('member-1')
  await pass(clock, BEAT_EVERY_MS)
  expect(member.losses).toBe(1)
  expect(member.membership.id).toBe('member-2')
  expect(member.events).toEqual(['worker_joined', 'worker_lost', 'worker_joined'])
})

test('a process that was stopped for a while finds out before its next call', async () => {
  const member = new Member('member')
  await member.membership.start()
  const before = clock.now()
  expect(member.membership.checkAlive(before)).toBe(true)
  // Its timers have not run.
  expect(member.membership.checkAlive(before + LIFETIME_MS)).toBe(false)
  expect(member.losses).toBe(1)
  expect(member.part).toBeNull()
  await pass(clock, REJOINED_WITHIN_MS)
  expect(member.membership.id).toBe('member-2')
})

test('a process that was stopped for longer than it may is to be found dead, with what it held', async () => {
  let stood = 0
  const late = { now: () => clock.now() + stood, after: clock.after.bind(clock) }
  const member = new Member('member', store, late)
  await member.membership.start()
  stood = LIFETIME_MS
  expect(member.membership.checkAlive(late.now())).toBe(false)
  await pass(clock, 10 * LIFETIME_MS)
  expect(member.membership.id).toBe('member-2')
  expect((await swept(store, late.now(), 0)).rescued).toEqual([{ worker: 'member-1', batches: 0 }])
})

describe('an answer that comes late', () => {
  test('gives back no part that was smaller by then', async () => {
    const slow = slowBeats()
    const first = new Member('first', slow.store)
    await first.membership.start()
    slow.isSlow = true
    await pass(clock, BEAT_EVERY_MS)
    await new Member('second').membership.start()
    slow.isSlow = false
    await pass(clock, BEAT_EVERY_MS)
    expect(first.part).toEqual({ workers: 2, position: 0 })
    slow.answer()
    await pass(clock, 1)
    expect(first.part).toEqual({ workers: 2, position: 0 })
  })

  test('does not revive a name that was given up', async () => {
    const slow = slowBeats()
    const member = new Member('member', slow.store)
    await member.membership.start()
    slow.isSlow = true
    await pass(clock, LIFETIME_MS - 1500)
    expect(member.losses).toBe(1)
    slow.answer()
    await pass(clock, 1)
    expect(member.membership.id).toBeNull()
    expect(member.part).toBeNull()
  })

  test('does not bring back a worker that has stopped', async () => {
    const slow = slowBeats()
    const member = new Member('member', slow.store)
    await member.membership.start()
    slow.isSlow = true
    await pass(clock, BEAT_EVERY_MS)
    await member.membership.stop()
    slow.answer()
    await pass(clock, 1)
    expect(member.membership.id).toBeNull()
    expect(member.parts).toHaveLength(1)
    expect(await clock.step(Number.POSITIVE_INFINITY)).toBe(false)
  })
})

describe('a worker that has stopped', () => {
  test('starts no call any more', async () => {
    const member = new Member('member')
    await member.membership.start()
    await member.membership.stop()
    expect(member.membership.checkAlive(clock.now())).toBe(false)
  })

  test('does not try to join any longer', async () => {
    const joining = Promise.withResolvers<void>()
    const member = new Member('member', { ...store, join: () => joining.promise })
    const started = member.membership.start()
    await pass(clock, 1)
    const stopped = member.membership.stop()
    joining.reject(new StoreUnavailable('it is away'))
    await Promise.all([started, stopped])
    expect(await clock.step(Number.POSITIVE_INFINITY)).toBe(false)
  })

  test('is not there again because its joining was still on its way', async () => {
    const arrived = Promise.withResolvers<void>()
    const join: Store['join'] = (...given) => arrived.promise.then(() => store.join(...given))
    const member = new Member('member', { ...store, join })
    const started = member.membership.start()
    await pass(clock, 1)
    const stopped = member.membership.stop()
    await pass(clock, 1)
    arrived.resolve()
    await Promise.all([started, stopped])
    expect(await store.beat('member-1', clock.now() + LIFETIME_MS, clock.now(), 0)).toMatchObject({
      alive: false,
    })
  })

  test('is not there again because it was about to join anew', async () => {
    const cut = cuttable()
    const member = new Member('member', cut.store)
    await member.membership.start()
    cut.isCut = true
    await pass(clock, 2 * LIFETIME_MS)
    cut.isCut = false
    const leaving = Promise.withResolvers<void>()
    const { leave } = cut.store
    const slowly = (worker: string) => leaving.promise.then(() => leave(worker))
    Object.assign(cut.store, { leave: slowly })
    await pass(clock, REJOINED_WITHIN_MS)
    const stopped = member.membership.stop()
    leaving.resolve()
    await stopped
    await pass(clock, 1)
    expect(await store.beat('member-2', clock.now() + LIFETIME_MS, clock.now(), 0)).toMatchObject({
      alive: false,
    })
  })
})

/** The store, whose answers to beats stay out, when it is slow, until they are wanted. */
function slowBeats() {
  const answers: (() => void)[] = []
  const answer = () => {
    for (const each of answers.splice(0)) each()
  }
  const state = { isSlow: false, store, answer }
  const whole = store
  state.store = {
    ...whole,
    async beat(...beat) {
      const answered = await whole.beat(...beat)
      if (state.isSlow) await new Promise<void>((resolve) => answers.push(resolve))
      return answered
    },
  }
  return state
}

/** The store, behind a line that can be cut. */
function cuttable() {
  const state = { isCut: false, store }
  const across = async <T>(call: () => Promise<T>) => {
    if (state.isCut) throw new StoreUnavailable('the line is cut')
    return call()
  }
  const whole = store
  state.store = {
    ...whole,
    join: (worker, deadline) => across(() => whole.join(worker, deadline)),
    beat: (...beat) => across(() => whole.beat(...beat)),
    leave: (worker) => across(() => whole.leave(worker)),
  }
  return state
}
