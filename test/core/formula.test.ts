import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { defuse, restore } from '../../src/core/formula.ts'

describe('a cell that a spreadsheet would run', () => {
  test.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '\n=1', '＝1', '＋1', '－1', '＠x'])(
    'is defused: %j',
    (cell) => {
      expect(defuse(cell)).toBe(`'${cell}`)
    },
  )

  test.each(['', 'map_1', "'", "'quoted'", "it's =", '1-1', ' =1', '{"a":1}', '"=1"'])(
    'is not %j',
    (cell) => {
      expect(defuse(cell)).toBe(cell)
      expect(restore(cell)).toBe(cell)
    },
  )

  test('comes back as it was, whatever it is', () => {
    const delicate = fc.string({ unit: fc.constantFrom("'", '=', '-', '＠', '\t', 'a', '"', ',') })
    fc.assert(
      fc.property(fc.oneof(delicate, fc.string()), (cell) => {
        expect(restore(defuse(cell))).toBe(cell)
        expect(defuse(cell)).not.toMatch(/^[=+\-@\t\r\n＝＋－＠]/)
      }),
    )
  })
})
