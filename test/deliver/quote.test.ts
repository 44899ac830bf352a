import { expect, test } from 'vitest'
import { quoted, secretsAmong, shortened } from '../../src/deliver/quote.ts'

test('secrets of eight characters are hidden, and shorter ones are not: they would be found everywhere', () => {
  const secrets = secretsAmong(['hunter22', 'hunter2'])
  expect(quoted('hunter22 and hunter2', secrets)).toBe('[secret] and hunter2')
})

test('of two secrets, one of which is a part of the other, all is hidden', () => {
  const secrets = secretsAmong(['token-of', 'token-of-ours'])
  expect(quoted('token-of-ours', secrets)).toBe('[secret]')
})

test('what is cut short is cut between characters', () => {
  const cut = shortened(`${'x'.repeat(199)}😀 and more`)
  expect(cut.isWellFormed()).toBe(true)
  expect(cut).toHaveLength(200)
})
