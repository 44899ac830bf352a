import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ORDINAL_SPAN_MAX } from '../../src/core/batch.ts'
import { unpack } from '../../src/core/packed.ts'
import { Batcher, batchesOf } from '../../src/intake/batches.ts'
import { Rejects, rejectedOf } from '../../src/intake/rejects.ts'
import type { NewBatch } from '../../src/store/store.ts'

function mappingsTo(targets: readonly string[]) {
  return targets.map((target, ordinal) => ({ id: `m${ordinal}`, source: 's', target }))
}

test('every mapping is in exactly one batch, of its own target, in order', () => {
  const targets = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 50 })
  fc.assert(
    fc.property(targets, fc.integer({ min: 1, max: 7 }), (names, size) => {
      const batches = [...batchesOf(mappingsTo(names), size)]
      const placed = batches.flatMap(({ lane, ordinals, mappings }) => {
        const { ids } = unpack(mappings)
        expect(ids.length).toBe(ordinals.count)
        expect(ids.length).toBeLessThanOrEqual(size)
        return ids.map((id, index) => {
          const ordinal = ordinals.list?.[index] ?? ordinals.first + index
          expect(id).toBe(`m${ordinal}`)
          expect(lane).toBe(names[ordinal])
          return ordinal
        })
      })
      expect(placed.sort((a, b) => a - b)).toEqual(names.map((_, ordinal) => ordinal))
    }),
  )
})

test('ordinals are listed only where others lie between', () => {
  expect(
    [...batchesOf(mappingsTo(['a', 'a', 'b', 'a']), 2)].map(({ ordinals }) => ordinals),
  ).toEqual([
    { first: 0, last: 1, count: 2, list: null },
    { first: 3, last: 3, count: 1, list: null },
    { first: 2, last: 2, count: 1, list: null },
  ])
  expect([...batchesOf(mappingsTo(['a', 'b', 'a']), 5)].map(({ ordinals }) => ordinals)).toEqual([
    { first: 0, last: 2, count: 2, list: [0, 2] },
    { first: 1, last: 1, count: 1, list: null },
  ])
})

test('a batch is given as soon as the next begins, and not when all are made', () => {
  const mappings = mappingsTo(['a', 'a', 'a', 'a'])
  Object.defineProperty(mappings, 3, {
    get() {
      throw new Error('The fourth is not needed for the first batch.')
    },
  })
  const first = batchesOf(mappings, 2).next().value
  expect(first).toMatchObject({ ordinals: { first: 0, count: 2 } })
})

test('no batch reaches further than the span', () => {
  const far = ['a', ...Array.from({ length: ORDINAL_SPAN_MAX }, () => 'b'), 'a']
  const lanes = [...batchesOf(mappingsTo(far), 1000)].filter(({ lane }) => lane === 'a')
  expect(lanes.map(({ ordinals }) => ordinals.first)).toEqual([0, ORDINAL_SPAN_MAX + 1])
})

describe('mappings that are not taken', () => {
  const at = { lane: 'a', placeholder: 'line-1' }
  const fault = { code: 'unknown_property', path: [], detail: 'x'.repeat(500) } as const

  test('are cut where what is wrong with them is much text', () => {
    let batches = 0
    const rejects = new Rejects(0, () => {
      batches += 1
    })
    for (let ordinal = 0; ordinal < 5000; ordinal++) {
      rejects.add(rejectedOf({}, [fault], { ...at, ordinal, lane: `t${ordinal}` }), 0)
    }
    expect(batches).toBe(4001)
  })

  test('are told of in whole characters, however much is wrong with them', () => {
    const detail = `a${'😀'.repeat(300)}`
    const { reason } = rejectedOf({}, [{ ...fault, detail }], { ...at, ordinal: 0 })
    expect(reason).toHaveLength(500)
    expect(reason.isWellFormed()).toBe(true)
  })
})

describe('mappings that come one by one', () => {
  /** Of so many, each for one of these targets and of so much text: those that were cut by then, and all. */
  function cutAsTheyCome(count: number, targets: number, weight: number) {
    const batches: NewBatch[] = []
    const batcher = new Batcher(
      () => 1000,
      (batch) => batches.push(batch),
    )
    for (let ordinal = 0; ordinal < count; ordinal++) {
      const mapping = { id: `m${ordinal}`, source: 's', target: `t${ordinal % targets}` }
      batcher.add({ ordinal, mapping }, null, weight)
    }
    const before = batches.length
    batcher.flush()
    return { before, batches }
  }

  test('are cut where they are much text, but for one that is more by itself', () => {
    const sizes = (weight: number) =>
      cutAsTheyCome(30, 1, weight).batches.map(({ ordinals }) => ordinals.count)
    expect(sizes(100_000)).toEqual([10, 10, 10])
    expect(sizes(400_000)).toEqual(Array.from({ length: 15 }, () => 2))
    expect(sizes(1_500_000)).toEqual(Array.from({ length: 30 }, () => 1))
  })

  test('wait for no more of their target where all that wait are much text', () => {
    const { before, batches } = cutAsTheyCome(50, 50, 100_000)
    expect(before).toBe(42)
    expect(batches).toHaveLength(50)
  })

  test('are known by their place until they are cut', () => {
    const batcher = new Batcher(
      () => 2,
      () => {},
    )
    for (const [ordinal, target] of ['a', 'b', 'a', 'a'].entries()) {
      batcher.add({ ordinal, mapping: { id: `m${ordinal}`, source: 's', target } }, null, 1)
    }
    expect([0, 1, 2, 3].map((ordinal) => batcher.idAt(ordinal))).toEqual([null, 'm1', null, 'm3'])
  })
})
