import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ORDINAL_SPAN_MAX } from '../../src/core/batch.ts'
import { unpack } from '../../src/core/packed.ts'
import { batchesOf } from '../../src/intake/batches.ts'

function mappingsTo(targets: readonly string[]) {
  return targets.map((target, ordinal) => ({ id: `m${ordinal}`, source: 's', target }))
}

test('every mapping is in exactly one batch, of its own target, in order', () => {
  const targets = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 50 })
  fc.assert(
    fc.property(targets, fc.integer({ min: 1, max: 7 }), (names, size) => {
      const batches = batchesOf(mappingsTo(names), size)
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
  expect(batchesOf(mappingsTo(['a', 'a', 'b', 'a']), 2).map(({ ordinals }) => ordinals)).toEqual([
    { first: 0, last: 1, count: 2, list: null },
    { first: 3, last: 3, count: 1, list: null },
    { first: 2, last: 2, count: 1, list: null },
  ])
  expect(batchesOf(mappingsTo(['a', 'b', 'a']), 5).map(({ ordinals }) => ordinals)).toEqual([
    { first: 0, last: 2, count: 2, list: [0, 2] },
    { first: 1, last: 1, count: 1, list: null },
  ])
})

test('no batch reaches further than the span', () => {
  const far = ['a', ...Array.from({ length: ORDINAL_SPAN_MAX }, () => 'b'), 'a']
  const lanes = batchesOf(mappingsTo(far), 1000).filter(({ lane }) => lane === 'a')
  expect(lanes.map(({ ordinals }) => ordinals.first)).toEqual([0, ORDINAL_SPAN_MAX + 1])
})
