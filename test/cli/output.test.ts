import { expect, test } from 'vitest'
import { printable } from '../../src/cli/output.ts'
import { cut } from '../../src/cli/table.ts'

test('what a terminal would obey, or show in another order, is shown as it is written', () => {
  const text = 'a\u001b[2J\u0007\nb\u009b\u202e\u2066c\u200f'
  expect(printable(text)).toBe('a\\u001b[2J\\u0007\\u000ab\\u009b\\u202e\\u2066c\\u200f')
  expect(printable('é 👩‍👧 عربى')).toBe('é 👩‍👧 عربى')
})

test('a cell has so many characters at most, as they are shown', () => {
  expect(cut('abcd', 4)).toBe('abcd')
  expect(cut('abcde', 4)).toBe('abc…')
  expect(cut('a\u0007', 4)).toBe('a\\u…')
})
