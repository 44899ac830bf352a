import { describe, expect, test } from 'vitest'
import type { Mapping } from '../../src/core/mapping.ts'
import { NO_TERMS } from '../../src/core/request.ts'
import { batchesOf } from '../../src/intake/batches.ts'
import { planOf } from '../../src/intake/plan.ts'
import type { SystemCatalogue } from '../../src/intake/systems.ts'

const SYSTEMS: SystemCatalogue = {
  mode: 'configured',
  names: ['crm', 'erp', 'shop'],
  has: () => true,
  reads: (name) => name !== 'shop',
}

function mapping(ordinal: number, changes: Partial<Mapping> = {}): Mapping {
  return { id: `m${ordinal}`, source: 'crm', target: 'shop', ...changes }
}

function plan(mappings: readonly Mapping[], options = {}, size: number | null = null) {
  return planOf(
    { kind: 'parsed', mappings, rejected: [], terms: NO_TERMS, ...options },
    size,
    SYSTEMS,
  )
}

describe('a plan', () => {
  test('counts what would be stored, lane by lane', () => {
    const mappings = Array.from({ length: 23 }, (_, n) =>
      mapping(n, n % 3 === 0 ? { target: 'erp', source: 'shop' } : {}),
    )
    expect(plan(mappings)).toMatchObject({
      total: 23,
      priority: 'MEDIUM',
      metadata: {},
      batches: 5,
      batchSize: 5,
      lanes: [
        { target: 'erp', mappings: 8, batches: 2, sources: [] },
        { target: 'shop', mappings: 15, batches: 3, sources: ['crm'] },
      ],
      sources: { crm: 15 },
    })
  })

  test('has as many batches as would be made, whatever their size', () => {
    for (const total of [1, 5, 6, 5001, 20_000]) {
      const mappings = Array.from({ length: total }, (_, n) => mapping(n))
      const { batches, batchSize, lanes } = plan(mappings)
      expect(batches).toBe([...batchesOf(mappings, batchSize)].length)
      expect(lanes[0]?.batches).toBe(batches)
    }
    const ten = Array.from({ length: 10 }, (_, n) => mapping(n))
    expect(plan(ten, { batch_size: 3 }, 7)).toMatchObject({ batches: 4, batchSize: 3 })
    expect(plan(ten, {}, 7)).toMatchObject({ batches: 2, batchSize: 7 })
  })

  test('counts as read only what is read', () => {
    const { sources, lanes } = plan([
      mapping(0),
      mapping(1, { data: null }),
      mapping(2, { source: 'shop' }),
      mapping(3, { source: 'erp', target: 'erp' }),
    ])
    expect(sources).toEqual({ crm: 1, erp: 1 })
    expect(lanes.map((lane) => lane.sources)).toEqual([['crm'], ['erp']])
  })

  test('has the first five mappings to look at, in their places', () => {
    const { sample } = plan(Array.from({ length: 7 }, (_, n) => mapping(n, { data: n })))
    expect(sample).toEqual(
      Array.from({ length: 5 }, (_, ordinal) => {
        return { ordinal, mapping: mapping(ordinal, { data: ordinal }), isTooLarge: false }
      }),
    )
  })

  test('is small, however large the request, and can be handed to another thread', () => {
    const data = 'x'.repeat(200_000)
    const large = Array.from({ length: 100 }, (_, n) => mapping(n, n < 2 ? { data } : {}))
    const { sample, ...rest } = plan(large)
    expect(sample.slice(0, 3)).toEqual([
      { ordinal: 0, mapping: mapping(0), isTooLarge: true },
      { ordinal: 1, mapping: mapping(1), isTooLarge: true },
      { ordinal: 2, mapping: mapping(2), isTooLarge: false },
    ])
    expect(structuredClone({ sample, ...rest })).toEqual({ sample, ...rest })
    expect(JSON.stringify({ sample, ...rest }).length).toBeLessThan(2000)
  })
})
