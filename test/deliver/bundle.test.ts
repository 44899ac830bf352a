import { beforeEach, describe, expect, test } from 'vitest'
import { Bundles } from '../../src/deliver/bundle.ts'
import type { Delivery, WriteAnswer } from '../../src/deliver/kind.ts'
import type { Turns } from '../../src/deliver/turns.ts'
import { SimulatedClock } from '../sim/clock.ts'
import { call } from './calls.ts'

const MAX = 3
const SYSTEM = 'shop'
/** Of a request that goes on. */
const OPEN = new AbortController().signal
const DELIVERED: WriteAnswer = { kind: 'delivered', result: {} }
const BUSY: WriteAnswer = {
  kind: 'refused',
  stage: 'write',
  httpStatus: 429,
  retryAfter: null,
  message: 'It is busy.',
}

let clock: SimulatedClock
/** The payloads of each call that was made. */
let sent: unknown[][]
/** Ends the oldest call that is under way. */
let underWay: ((answers: readonly WriteAnswer[]) => void)[]
let bundles: Bundles
/** How many turns are left, and who waits for one. */
let turnsLeft: number
let waiting: ((mayCall: boolean) => void)[]
let given: string[]

const turns: Turns = {
  take: () => {
    if (turnsLeft === 0) return new Promise((resolve) => waiting.push(resolve))
    turnsLeft -= 1
    return true
  },
  give: (_system, _step, answer) => {
    given.push(answer?.kind ?? 'no call')
    const next = waiting.shift()
    if (next === undefined) turnsLeft += 1
    else next(true)
  },
}

beforeEach(() => {
  clock = new SimulatedClock()
  sent = []
  underWay = []
  waiting = []
  given = []
  turnsLeft = 1
  const writeMany = (deliveries: readonly Delivery[]) => {
    sent.push(deliveries.map(({ payload }) => payload))
    return new Promise<readonly WriteAnswer[]>((resolve) => underWay.push(resolve))
  }
  bundles = new Bundles(SYSTEM, { max: MAX, writeMany }, turns, clock)
})

async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve()
}

/** Lets a millisecond pass, which is all that a bundle waits for its like. */
async function moment(): Promise<void> {
  await clock.step(clock.now() + 1)
  await settle()
}

async function answer(...answers: readonly WriteAnswer[]): Promise<void> {
  underWay.shift()?.(answers)
  await settle()
}

describe('payloads for a system that takes many in a call', () => {
  test('of the same moment share one, however few', async () => {
    const both = [bundles.write(call(), 1, OPEN), bundles.write(call(), 2, OPEN)]
    expect(sent).toEqual([])
    await moment()
    expect(sent).toEqual([[1, 2]])
    await answer(DELIVERED, BUSY)
    expect(await Promise.all(both)).toEqual([DELIVERED, BUSY])
  })

  test('are sent at once when there are enough of them', async () => {
    for (const payload of [1, 2, 3]) void bundles.write(call(), payload, OPEN)
    expect(sent).toEqual([[1, 2, 3]])
  })

  test('fill up the next call while all turns are taken', async () => {
    for (const payload of [1, 2, 3, 4]) void bundles.write(call(), payload, OPEN)
    await moment()
    for (const payload of [5, 6, 7, 8]) void bundles.write(call(), payload, OPEN)
    await moment()
    expect(sent).toEqual([[1, 2, 3]])
    await answer(DELIVERED, DELIVERED, DELIVERED)
    expect(sent).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ])
    await answer(DELIVERED, DELIVERED, DELIVERED)
    expect(sent.at(-1)).toEqual([7, 8])
    await answer(DELIVERED, DELIVERED)
    // One turn for each call, and nobody asks for another.
    expect(given).toEqual(Array(3).fill('delivered'))
    expect(turnsLeft).toBe(1)
  })

  test('give their turn back with the first refusal among the answers', async () => {
    for (const payload of [1, 2, 3]) void bundles.write(call(), payload, OPEN)
    await answer(DELIVERED, BUSY, DELIVERED)
    expect(given).toEqual(['refused'])
  })

  test.each<WriteAnswer>([
    { ...BUSY, httpStatus: 422, divisible: true },
    { kind: 'impossible', stage: 'write', code: 'too_long', message: '', divisible: true },
  ])(
    'are divided while the call is $kind for its content, until the bad one is alone',
    async (bad) => {
      const all = [1, 2, 3].map((payload) => bundles.write(call(), payload, OPEN))
      await answer(bad, bad, bad)
      expect(sent.slice(1)).toEqual([[1, 2]])
      await answer(DELIVERED, DELIVERED)
      expect(sent.slice(2)).toEqual([[3]])
      await answer(bad)
      expect(await Promise.all(all)).toEqual([DELIVERED, DELIVERED, bad])
      expect(given).toEqual([bad.kind, 'delivered', bad.kind])
    },
  )

  test('that the answer leaves out are unanswered, and their neighbours are not', async () => {
    const all = [1, 2, 3].map((payload) => bundles.write(call(), payload, OPEN))
    await answer(DELIVERED)
    expect((await Promise.all(all)).map(({ kind }) => kind)).toEqual([
      'delivered',
      'unanswered',
      'unanswered',
    ])
  })

  test('are left out when they are not wanted any more', async () => {
    const aborted = AbortSignal.abort()
    const unwanted = bundles.write(call({}, aborted), 1, OPEN)
    const wanted = bundles.write(call(), 2, OPEN)
    await moment()
    expect(sent).toEqual([[2]])
    await answer(DELIVERED)
    expect(await unwanted).toEqual({ kind: 'interrupted' })
    expect(await wanted).toEqual(DELIVERED)
  })

  test('are taken out at once when their request is closed, and the others wait on', async () => {
    for (const payload of [1, 2, 3]) void bundles.write(call(), payload, OPEN)
    const closing = new AbortController()
    const closed = bundles.write(call(), 4, closing.signal)
    const other = bundles.write(call(), 5, OPEN)
    await moment()
    closing.abort()
    expect(await closed).toEqual({ kind: 'interrupted' })
    await answer(DELIVERED, DELIVERED, DELIVERED)
    expect(sent.at(-1)).toEqual([5])
    await answer(DELIVERED)
    expect(await other).toEqual(DELIVERED)
  })

  test('that are under way when their request is closed end, and count', async () => {
    const closing = new AbortController()
    const all = [1, 2, 3].map((payload) => bundles.write(call(), payload, closing.signal))
    closing.abort()
    await answer(DELIVERED, DELIVERED, DELIVERED)
    expect(await Promise.all(all)).toEqual([DELIVERED, DELIVERED, DELIVERED])
  })

  test('are not divided into further calls once their request is closed', async () => {
    const bad: WriteAnswer = { ...BUSY, httpStatus: 422, divisible: true }
    const closing = new AbortController()
    const all = [1, 2, 3].map((payload) => bundles.write(call(), payload, closing.signal))
    closing.abort()
    await answer(bad, bad, bad)
    expect(sent).toHaveLength(1)
    const interrupted = { kind: 'interrupted' }
    expect(await Promise.all(all)).toEqual([interrupted, interrupted, interrupted])
  })

  test('are not sent through a gate that has closed while they waited', async () => {
    for (const payload of [1, 2, 3]) void bundles.write(call(), payload, OPEN)
    const late = [4, 5].map((payload) => bundles.write(call(), payload, OPEN))
    await moment()
    waiting.shift()?.(false)
    expect(await Promise.all(late)).toEqual([{ kind: 'interrupted' }, { kind: 'interrupted' }])
    expect(sent).toEqual([[1, 2, 3]])
    expect(given).toEqual(['no call'])
  })

  test('never wait for a turn that nobody asked for', async () => {
    turnsLeft = 2
    const answers = Array.from({ length: 50 }, (_, payload) => bundles.write(call(), payload, OPEN))
    for (let round = 0; round < 40; round++) {
      await moment()
      await answer(...Array.from({ length: MAX }, () => DELIVERED))
    }
    expect((await Promise.all(answers)).every(({ kind }) => kind === 'delivered')).toBe(true)
    expect(sent.flat().sort((a, b) => Number(a) - Number(b))).toEqual([...answers.keys()])
  })
})
