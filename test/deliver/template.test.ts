import { describe, expect, test } from 'vitest'
import { payload } from '../../src/deliver/template.ts'
import { MAPPING } from './calls.ts'

describe('the payload', () => {
  test('is the transformation, whatever the record', () => {
    const transformation = { field1: 'value1', nested: { list: [1, null, '{% not looked at %} '] } }
    expect(payload({ ...MAPPING, transformation }, { name: 'Ada' })).toEqual(transformation)
    expect(payload({ ...MAPPING, transformation: {} }, { name: 'Ada' })).toEqual({})
  })

  test.each([{ name: 'Ada' }, [1], 'text', 0, false, null])(
    'is the record %j where there is no transformation',
    (record) => {
      expect(payload(MAPPING, record)).toEqual(record)
    },
  )

  test("is the mapping's own coordinates where there is neither", () => {
    expect(payload(MAPPING, undefined)).toEqual({ id: 'map_001', source: 'crm', target: 'shop' })
  })
})
