import { describe, expect, test } from 'vitest'
import { findExpression, payload } from '../../src/deliver/template.ts'
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

describe('an expression', () => {
  test.each([
    [{ email: '{% $lowercase(record.email) %}' }, '/email'],
    [{ a: [0, { 'x/y~z': '{%%}' }] }, '/a/1/x~1y~0z'],
    [{ a: '{% two\nlines %}' }, '/a'],
    [{ a: 'x', b: '{%1%}', c: '{%2%}' }, '/b'],
  ])('in %j is found at %s', (transformation, pointer) => {
    expect(findExpression(transformation)).toBe(pointer)
  })

  test.each([
    {},
    { a: '{%' },
    { a: ' {% x %}' },
    { a: '{% x %}.' },
    { '{% x %}': 1 },
    { a: '{%}' },
  ])('is not in %j', (transformation) => {
    expect(findExpression(transformation)).toBeNull()
  })
})
