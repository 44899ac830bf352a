import { expect, test } from 'vitest'
import { within } from '../../src/deliver/within.ts'
import { systemClock } from '../../src/lib/clock.ts'

test('work that throws before it promises anything ends as thrown, as any other', async () => {
  const error = new RangeError('Invalid string length')
  const { signal } = new AbortController()
  const ended = await within({ clock: systemClock, timeout: 1000 }, signal, () => {
    throw error
  })
  expect(ended).toEqual({ kind: 'thrown', error })
})
