import { expect, test } from 'vitest'
import { passage } from '../../src/core/gate.ts'
import { NOW } from '../support/requests.ts'

test.each([
  ['open', null, 'all'],
  ['throttled, its time not yet come', gate('throttled', NOW + 1), 'none'],
  ['throttled, its time just come', gate('throttled', NOW), 'all'],
  ['held, its time not yet come', gate('held', NOW + 1), 'none'],
  ['held, its time just come', gate('held', NOW), 'probe'],
  ['held for long', gate('held', NOW - 86_400_000), 'probe'],
] as const)('a gate that is %s', (_, gate, expected) => {
  expect(passage(gate, NOW)).toBe(expected)
})

function gate(state: 'throttled' | 'held', until: number) {
  return { state, until, reason: 'It said so.' }
}
