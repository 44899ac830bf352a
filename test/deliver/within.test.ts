import { expect, test } from 'vitest'
import { within } from '../../src/deliver/within.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { SimulatedClock } from '../sim/clock.ts'

test('work that throws before it promises anything ends as thrown, as any other', async () => {
  const error = new RangeError('Invalid string length')
  const { signal } = new AbortController()
  const ended = await within({ clock: systemClock, timeout: 1000 }, signal, () => {
    throw error
  })
  expect(ended).toEqual({ kind: 'thrown', error })
})

test('work that is done in time leaves no timer behind that would keep a process from ending', async () => {
  const clock = new SimulatedClock()
  const { signal } = new AbortController()
  const ended = await within({ clock, timeout: 1000 }, signal, async () => 'all of it')
  expect(ended).toEqual({ kind: 'done', value: 'all of it' })
  expect(await clock.step(Number.POSITIVE_INFINITY)).toBe(false)
})

test('work that nobody waits for any more is not begun', async () => {
  let begun = 0
  const ended = await within(
    { clock: systemClock, timeout: 1000 },
    AbortSignal.abort(),
    async () => {
      begun += 1
    },
  )
  expect([ended, begun]).toEqual([{ kind: 'interrupted' }, 0])
})
