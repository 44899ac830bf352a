import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Mapping } from '../../src/core/mapping.ts'
import { mappingAt, pack, sourceAt, unpack } from '../../src/core/packed.ts'

const TARGET = 'crm'

const anyMapping = fc
  .record(
    {
      id: fc.string(),
      source: fc.constantFrom('shop', 'erp'),
      transformation: fc.dictionary(fc.string(), fc.jsonValue()),
      data: fc.jsonValue(),
    },
    { requiredKeys: ['id', 'source'] },
  )
  // Intake turns away what JSON cannot tell: -0, and keys that mean something to JavaScript.
  .filter((mapping) => !/-0|__proto__/.test(inspect(mapping)))
  .map((mapping): Mapping => JSON.parse(JSON.stringify({ ...mapping, target: TARGET })))

function inspect(value: unknown): string {
  return JSON.stringify(value, (_, inner) => (Object.is(inner, -0) ? '-0' : inner))
}

describe('mappings that are packed', () => {
  test('come out as they went in, whatever they are', () => {
    fc.assert(
      fc.property(fc.array(anyMapping, { minLength: 1 }), (mappings) => {
        const packed = unpack(pack(mappings))
        expect(packed.ids).toHaveLength(mappings.length)
        for (const [at, mapping] of mappings.entries()) {
          expect(mappingAt(packed, at, TARGET)).toStrictEqual(mapping)
          expect(sourceAt(packed, at)).toBe(mapping.source)
        }
      }),
    )
  })

  test('are told apart: no data, and data that is null', () => {
    const common = { source: 'shop', target: TARGET }
    const packed = unpack(
      pack([
        { id: 'a', ...common },
        { id: 'b', ...common, data: null },
      ]),
    )
    expect(mappingAt(packed, 0, TARGET)).not.toHaveProperty('data')
    expect(mappingAt(packed, 1, TARGET)).toHaveProperty('data', null)
  })

  test('name a source that all of them have only once', () => {
    const mappings = ['a', 'b', 'c'].map((id) => ({ id, source: 'shop', target: TARGET }))
    expect(pack(mappings)).toBe('{"ids":["a","b","c"],"source":"shop"}')
  })

  test('are no more than there are', () => {
    const packed = unpack(pack([{ id: 'a', source: 'shop', target: TARGET }]))
    expect(mappingAt(packed, 1, TARGET)).toBeNull()
  })
})
