import { beforeEach, describe, expect, test, vi } from 'vitest'
import { toCatalogue } from '../../src/intake/systems.ts'
import { openMemoryStore } from '../../src/store/sqlite/memory.ts'
import { type Store, StoreUnavailable } from '../../src/store/store.ts'
import {
  allBatches,
  audited,
  cleared,
  listed,
  released,
  swept,
  waitingOf,
} from '../contract/steps.ts'
import { SimulatedClock } from '../sim/clock.ts'
import { NOW, newRequest, TENANT } from '../support/requests.ts'
import { COLLIDING, KEY } from './colliding.ts'
import { cut, idOf, line, lines, openStore, received, resultsIn } from './stage.ts'

/** So many mappings that no piece holds them all. */
const MANY = 20_000

let store: Store

beforeEach(async () => {
  store = await openStore()
})

describe('a stream', () => {
  test.each([1, 300, MANY])('of %i mappings is there, whole and in order', async (count) => {
    const acceptance = await received(lines(count), { store })
    expect(acceptance).toMatchObject({
      kind: 'accepted',
      total: count,
      skipped: 0,
      replayed: false,
    })
    const request = newRequest({ id: idOf(acceptance) })
    await released(store, Date.now())
    expect(await audited(store, request)).toMatchObject({ state: 'pending', total: count })
    const ids = (await resultsIn(store, request.id)).map(({ id }) => id)
    expect(ids).toEqual(Array.from({ length: count }, (_, ordinal) => `m${ordinal}`))
    expect(await store.totals()).toEqual({ activeRequests: 1, openMappings: count })
  })

  test('has its batches grow as it goes on, and no larger than is asked for', async () => {
    const sizes = async (batch_size?: number) => {
      const options = batch_size === undefined ? {} : { batch_size }
      const request = idOf(await received(lines(MANY), { store, options }))
      return (await allBatches(store, request)).map(({ ordinals }) => ordinals.count)
    }
    const grown = (await sizes()).slice(0, -1)
    expect(grown[0]).toBe(5)
    expect(grown.at(-1)).toBe(20)
    expect(grown).toEqual(grown.toSorted((a, b) => a - b))
    expect(new Set((await sizes(7)).slice(0, -1))).toEqual(new Set([7]))
  })

  test('for many targets is cut into batches of each', async () => {
    const body = lines(MANY, (ordinal) => ({ target: `t${ordinal % 300}` }))
    const request = idOf(await received(body, { store }))
    const results = await resultsIn(store, request)
    expect(results.map(({ target }) => target)).toEqual(
      results.map(({ ordinal }) => `t${ordinal % 300}`),
    )
    await released(store, Date.now())
    expect((await store.work(Date.now())).lanes).toHaveLength(300)
  })

  test('has its options and times', async () => {
    const options = { priority: 'LOW', metadata: { run: 'nightly' } } as const
    const terms = { notBefore: NOW * 2, expiresAt: NOW * 2 + 1, callbackUrl: null, retryOf: null }
    const request = idOf(await received(lines(3), { store, options, terms }))
    expect(await store.request(TENANT, request)).toMatchObject({
      ...{ priority: 'LOW', metadata: { run: 'nightly' }, terms },
    })
    expect((await store.work(NOW)).release).toBe(NOW * 2)
  })

  test('counts what is to be read from each source', async () => {
    const systems = toCatalogue({ mode: 'configured', names: ['s', 't'], readable: ['s'] })
    const body = lines(MANY, (ordinal) => (ordinal % 4 === 0 ? { data: null } : {}))
    const request = idOf(await received(body, { store, systems }))
    await store.gate('s', { state: 'held', until: NOW, reason: 'refused' })
    expect(await waitingOf(store, TENANT, request)).toMatchObject([{ system: 's', mappings: null }])
    const other = idOf(await received(lines(MANY), { store, systems }))
    expect(await waitingOf(store, TENANT, other)).toMatchObject([{ system: 's', mappings: MANY }])
  })

  test('holds no more than a few pieces in hand', async () => {
    let pieces = 0
    let mostMappings = 0
    const stage: Store['stage'] = async (request, piece, until, now) => {
      pieces += 1
      const mappings = piece.batches.reduce((sum, { ordinals }) => sum + ordinals.count, 0)
      mostMappings = Math.max(mostMappings, mappings)
      return store.stage(request, piece, until, now)
    }
    await received(
      lines(MANY, () => ({ data: 'x'.repeat(200) })),
      { store: { ...store, stage } },
    )
    expect(pieces).toBeGreaterThan(10)
    expect(mostMappings).toBeLessThan(MANY / 10)
  })
})

describe('of a stream with something wrong in it nothing is there', () => {
  test('though it be its last line of many', async () => {
    const acceptance = await received(`${lines(MANY)}{"id":1}\n`, { store })
    expect(acceptance).toMatchObject({
      kind: 'refused',
      slug: 'validation-failed',
      problems: [
        { pointer: `#/mappings/${MANY}/source`, code: 'required', line: MANY + 1 },
        { pointer: `#/mappings/${MANY}/target`, code: 'required', line: MANY + 1 },
        { pointer: `#/mappings/${MANY}/id`, code: 'invalid_type', line: MANY + 1 },
      ],
    })
    await expectNothing()
  })

  test('and the first hundred things that are wrong are told', async () => {
    const acceptance = await received(`${lines(500)}${'\n1\n'.repeat(500)}`, { store })
    if (acceptance.kind !== 'refused') throw new Error('it was taken')
    expect(acceptance.problems).toHaveLength(100)
    expect(acceptance.problems[99]).toEqual({
      ...{ pointer: '#/mappings/599', code: 'invalid_type', line: 700 },
      detail: 'This must be of type object.',
    })
  })

  test('and not why it had failed before, which is passed over', async () => {
    const body = line(0, { id: 7, error: { code: 'target_rejected' } })
    const acceptance = await received(body, { store })
    if (acceptance.kind !== 'refused') throw new Error('it was taken')
    expect(acceptance.problems.map(({ pointer }) => pointer)).toEqual(['#/mappings/0/id'])
  })

  test('and it is not read any further then', async () => {
    let chunks = 0
    async function* endless() {
      for (;;) {
        chunks += 1
        yield Buffer.from('1\n'.repeat(50))
      }
    }
    expect(await received(endless(), { store })).toMatchObject({ kind: 'refused' })
    expect(chunks).toBe(2)
  })

  test('or that breaks off', async () => {
    async function* broken() {
      yield* cut(lines(MANY))
      throw new Error('the client is gone')
    }
    await expect(received(broken(), { store, idempotencyKey: 'k' })).rejects.toThrow('is gone')
    await expectNothing()
    const again = await received(lines(2), { store, idempotencyKey: 'k' })
    expect(again).toMatchObject({ kind: 'accepted', replayed: false })
  })

  test('or of which a piece could not be written', async () => {
    let pieces = 0
    const stage: Store['stage'] = async (request, piece, until, now) => {
      pieces += 1
      if (pieces === 3) throw new StoreUnavailable('the disk is full')
      return store.stage(request, piece, until, now)
    }
    await expect(received(lines(MANY), { store: { ...store, stage } })).rejects.toThrow('full')
    await expectNothing()
  })

  test('or that was begun by a call whose answer was lost', async () => {
    const open: Store['open'] = async (...asked) => {
      await store.open(...asked)
      throw new StoreUnavailable('the answer was lost')
    }
    const sent = received(lines(MANY), { store: { ...store, open }, idempotencyKey: 'k' })
    await expect(sent).rejects.toThrow('lost')
    await expectNothing()
    expect(await store.keyed(TENANT, 'k')).toBeNull()
  })

  test('or that has more mappings than may be', async () => {
    const most = await received(lines(MANY), { limits: { maxStreamMappings: MANY } })
    expect(most).toMatchObject({ kind: 'accepted' })
    const limits = { maxStreamMappings: MANY - 1 }
    expect(await received(lines(MANY), { store, limits })).toMatchObject({
      ...{ kind: 'refused', slug: 'too-many-mappings' },
      problems: [{ pointer: '#/mappings', code: 'too_many_mappings' }],
    })
    await expectNothing()
  })

  async function expectNothing(): Promise<void> {
    expect(await listed(store)).toEqual([])
    expect(await store.totals()).toEqual({ activeRequests: 0, openMappings: 0 })
    await cleared(store, Date.now())
    const names = await store.systemNames('', 10)
    expect(names).toEqual([])
  }
})

describe('two mappings with one id', () => {
  test.each([
    ['close together', `${lines(3)}${line(1)}\n`, 1, 4],
    [
      'in batches that are filled at the same time',
      `${line(0)}\n${line(0, { target: 'u' })}\n`,
      0,
      2,
    ],
    ['far apart', `${lines(MANY)}${line(7)}\n`, 7, MANY + 1],
    [
      'far apart, in batches with gaps',
      `${lines(MANY, (n) => ({ target: n % 3 === 0 ? 't' : 'u' }))}${line(7)}\n`,
      7,
      MANY + 1,
    ],
  ])('are found %s', async (_, body, first, at) => {
    expect(await received(body, { store })).toMatchObject({
      slug: 'duplicate-mapping-id',
      problems: [
        {
          pointer: `#/mappings/${at - 1}/id`,
          ...{ code: 'duplicate_mapping_id', line: at },
          detail: `The mapping at #/mappings/${first} has the same id; give each its own.`,
        },
      ],
    })
  })

  test('are told of each, up to the hundredth', async () => {
    const acceptance = await received(lines(300) + lines(300), { store })
    expect(acceptance.kind === 'refused' && acceptance.problems).toHaveLength(100)
  })

  test.each([
    ['once, where they are few', 64, 64],
    ['again, where they are so many that not all are kept', 65, 130],
  ])('have the batches of the earlier ones read %s', async (_, batches, times) => {
    const read = vi.spyOn(store, 'received')
    const twins = Array.from({ length: batches }, (_, batch) => `${line(10 * batch)}\n`).join('')
    const order = { store, onInvalid: 'skip', options: { batch_size: 10 } } as const
    // With one more, which begins another batch: the last of these is not in hand any more.
    const body = lines(10 * batches + 1) + twins + twins
    expect(await received(body, order)).toMatchObject({ skipped: 2 * batches })
    expect(read).toHaveBeenCalledTimes(times)
  })

  test.each([
    ['in one piece', 0],
    ['in different pieces', MANY],
  ])('are not taken for such where only their hashes are the same, %s', async (_, between) => {
    const [one, other] = COLLIDING
    const body = (...ids: readonly string[]) =>
      ids.map((id) => `${line(0, { id })}\n`).join(lines(between, (n) => ({ id: `between_${n}` })))
    const hashKey = () => KEY
    expect(await received(body(one, other), { store, hashKey })).toMatchObject({
      total: between + 2,
    })
    const end = `${line(0, { id: other })}\n`
    expect(await received(body(one, other) + end, { store, hashKey })).toMatchObject({
      slug: 'duplicate-mapping-id',
      problems: [
        {
          pointer: `#/mappings/${between + 2}/id`,
          detail: expect.stringContaining(`mappings/${between + 1} has`),
        },
      ],
    })
  })
})

describe('ids of one hash that are not the same', () => {
  const hashKey = () => KEY
  const body = (middle = '') => {
    const [first, last] = COLLIDING.map((id) => `${line(0, { id })}\n`)
    return `${first}${middle}${lines(MANY)}${last}`
  }

  test('are not told of as such where something else is wrong', async () => {
    const acceptance = await received(body('1\n'), { store, hashKey })
    expect(acceptance.kind === 'refused' && acceptance.problems).toMatchObject([{ line: 2 }])
  })

  test.each(['refuse', 'skip'] as const)(
    'do not keep it from coming again (%s)',
    async (onInvalid) => {
      const order = { store, hashKey, onInvalid, idempotencyKey: 'k' }
      const first = await received(body(), order)
      const again = await received(body(), order)
      expect(again).toMatchObject({ request: idOf(first), skipped: 0, replayed: true })
    },
  )
})

describe('a stream that skips what is bad', () => {
  const onInvalid = 'skip'

  test('has the bad ones among its results, failed, and accounts for all', async () => {
    const body = [
      line(0),
      'nonsense',
      line(2, { id: '' }),
      '',
      line(3, { target: 7, data: { a: 1 } }),
      line(0),
      line(5, { source: 'x'.repeat(129), extra: 1 }),
      line(6),
    ]
    const acceptance = await received(body.join('\n'), { store, onInvalid })
    expect(acceptance).toMatchObject({ kind: 'accepted', total: 7, skipped: 5 })
    const request = newRequest({ id: idOf(acceptance) })
    expect(await audited(store, request)).toMatchObject({
      ...{ state: 'pending', total: 7, failed: 5, completed: 0 },
    })
    const results = await resultsIn(store, request.id)
    const told = results.map(({ id, source, target, state }) => [id, source, target, state])
    expect(told).toEqual([
      ['m0', 's', 't', 'pending'],
      ['line-2', '', '', 'failed'],
      ['line-3', 's', 't', 'failed'],
      ['m3', 's', '', 'failed'],
      ['m0', 's', 't', 'failed'],
      ['m5', '', 't', 'failed'],
      ['m6', 's', 't', 'pending'],
    ])
    expect(results.map(({ error }) => error?.message)).toEqual([
      undefined,
      'Not valid JSON: invalid symbol, at line 2, column 1.',
      expect.stringContaining('#/id: This must have at least 1 character.'),
      '#/target: This must be of type string.',
      '#/id: The mapping at #/mappings/0 has the same id; give each its own.',
      expect.stringMatching(/^#\/extra: .* #\/source: /),
      undefined,
    ])
    expect(await store.failures(TENANT, request.id)).toMatchObject([
      { target: 't', count: 3, sample: 'line-3', message: results[5]?.error?.message },
      { target: null, count: 2, sample: 'line-2', message: results[3]?.error?.message },
    ])
    for (const { error } of results) {
      if (error !== null) expect(error).toMatchObject({ code: 'invalid_mapping', stage: 'read' })
    }
    expect(await store.totals()).toEqual({ activeRequests: 1, openMappings: 2 })
    expect((await swept(store, Date.now(), 0)).repaired).toEqual([])
  })

  test('is found out over its whole length, and takes the first of many with one id', async () => {
    const body = lines(MANY) + lines(MANY) + lines(MANY, (n) => ({ id: `more_${n}` }))
    const acceptance = await received(body, { store, onInvalid })
    expect(acceptance).toMatchObject({ total: 3 * MANY, skipped: MANY })
    const results = await resultsIn(store, idOf(acceptance))
    const failed = results.filter(({ state }) => state === 'failed')
    expect(failed.map(({ ordinal }) => ordinal)).toEqual(
      Array.from({ length: MANY }, (_, n) => MANY + n),
    )
  })

  test('lets a good mapping have the id of a bad one', async () => {
    const acceptance = await received(`${line(1, { target: '' })}\n${line(1)}`, {
      store,
      onInvalid,
    })
    expect(acceptance).toMatchObject({ total: 2, skipped: 1 })
  })

  test('keeps ids apart that only have the same hash', async () => {
    const [one, other] = COLLIDING
    const body = [one, other, other, one].map((id) => line(0, { id })).join('\n')
    const acceptance = await received(body, { store, onInvalid, hashKey: () => KEY })
    expect(acceptance).toMatchObject({ total: 4, skipped: 2 })
    const results = await resultsIn(store, idOf(acceptance))
    expect(results.map(({ id, state }) => [id, state])).toEqual([
      ...[
        [one, 'pending'],
        [other, 'pending'],
      ],
      ...[
        [other, 'failed'],
        [one, 'failed'],
      ],
    ])
  })

  test('is refused, and told why, where nothing is left of it', async () => {
    expect(await received('1\n2\n', { store, onInvalid })).toMatchObject({
      kind: 'refused',
      problems: [{ pointer: '#/mappings/0' }, { pointer: '#/mappings/1' }],
    })
  })
})

describe('the key of a stream', () => {
  const idempotencyKey = 'k'

  test.each([3, MANY])('with the same body (of %i) gives the first answer again', async (count) => {
    const first = await received(lines(count), { store, idempotencyKey })
    const again = await received(lines(count), { store, idempotencyKey })
    expect(again).toEqual({ ...first, replayed: true, batches: expect.any(Number) })
    expect(await listed(store)).toEqual([idOf(first)])
  })

  test('finds the request again whatever the order of its options', async () => {
    const one = { priority: 'LOW', batch_size: 7 } as const
    const other = { batch_size: 7, priority: 'LOW' } as const
    const first = await received(lines(3), { store, idempotencyKey, options: one })
    const again = await received(lines(3), { store, idempotencyKey, options: other })
    expect(again).toMatchObject({ kind: 'accepted', request: idOf(first), replayed: true })
  })

  test.each([3, MANY])('with another body (of %i) is a conflict', async (count) => {
    const first = await received(lines(count), { store, idempotencyKey })
    const bodies = [lines(count - 1), lines(count + 1), lines(count, () => ({ source: 'x' }))]
    for (const body of bodies) {
      expect(await received(body, { store, idempotencyKey })).toEqual({ kind: 'conflict' })
    }
    const wishes = [{ options: { priority: 'LOW' } }, { onInvalid: 'skip' }] as const
    for (const wish of wishes) {
      const other = await received(lines(count), { store, idempotencyKey, ...wish })
      expect(other).toEqual({ kind: 'conflict' })
    }
    expect(await listed(store)).toEqual([idOf(first)])
  })

  test('with the same body gives how many were skipped again', async () => {
    const body = `${lines(MANY)}1\n${line(3)}\n`
    const first = await received(body, { store, idempotencyKey, onInvalid: 'skip' })
    const again = await received(body, { store, idempotencyKey, onInvalid: 'skip' })
    expect(again).toMatchObject({ total: MANY + 2, skipped: 2, replayed: true })
    expect(idOf(again)).toBe(idOf(first))
  })

  test('is told to be in use while the first one is on its way', async () => {
    const gate = Promise.withResolvers<void>()
    const halfway = Promise.withResolvers<void>()
    async function* slow() {
      yield* cut(lines(MANY))
      halfway.resolve()
      await gate.promise
      yield* cut(line(MANY))
    }
    const first = received(slow(), { store, idempotencyKey })
    await halfway.promise
    for (const body of [lines(3), lines(MANY), endless()]) {
      expect(await received(body, { store, idempotencyKey })).toEqual({ kind: 'receiving' })
    }
    gate.resolve()
    expect(await first).toMatchObject({ kind: 'accepted', total: MANY + 1 })
  })

  test('is nobody’s when the request that had it is refused', async () => {
    await received(`${lines(MANY)}1`, { store, idempotencyKey })
    const next = await received(lines(3), { store, idempotencyKey })
    expect(next).toMatchObject({ kind: 'accepted', replayed: false })
  })
})

describe('a client that is slow', () => {
  test('keeps its request for as long as it is there', async () => {
    const clock = new SimulatedClock()
    const memory = await openMemoryStore()
    const gate = Promise.withResolvers<void>()
    const halfway = Promise.withResolvers<void>()
    async function* slow() {
      yield* cut(lines(MANY))
      halfway.resolve()
      await gate.promise
      yield* cut(line(MANY))
    }
    const upload = received(slow(), { store: memory, clock })
    await halfway.promise
    const later = clock.now() + 300_000
    while (await clock.step(later)) await memory.clear(clock.now())
    await memory.clear(later)
    gate.resolve()
    expect(await upload).toMatchObject({ kind: 'accepted', total: MANY + 1 })
    expect(await clock.step(Number.POSITIVE_INFINITY)).toBe(false)
  })

  test('is told to send it again when the store has given it up meanwhile', async () => {
    const gate = Promise.withResolvers<void>()
    const halfway = Promise.withResolvers<void>()
    async function* slow() {
      yield* cut(lines(MANY))
      halfway.resolve()
      await gate.promise
      yield* endless()
    }
    const upload = received(slow(), { store })
    await halfway.promise
    await cleared(store, Date.now() + 60_000)
    gate.resolve()
    await expect(upload).rejects.toMatchObject({ name: 'StoreUnavailable' })
  })

  test('is told so too where it was given up at the very last', async () => {
    const complete: Store['complete'] = async () => false
    const upload = received(lines(MANY), { store: { ...store, complete } })
    await expect(upload).rejects.toMatchObject({ name: 'StoreUnavailable' })
  })
})

/** Good mappings, and no end of them. */
async function* endless(): AsyncGenerator<Uint8Array, void> {
  for (let part = 0; ; part++) yield* cut(lines(1000, (n) => ({ id: `${part}_${n}` })))
}
