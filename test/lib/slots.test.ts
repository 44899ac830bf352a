import { expect, test } from 'vitest'
import { Slots } from '../../src/lib/slots.ts'

test('what is put in is taken out once, from the place that was given for it', () => {
  const slots = new Slots<string>()
  const [a, b] = [slots.put('a'), slots.put('b')]
  expect(slots.size).toBe(2)
  expect(slots.take(a)).toBe('a')
  expect(slots.take(a)).toBeUndefined()
  expect([...slots]).toEqual(['b'])
  expect(slots.take(b)).toBe('b')
  expect(slots.size).toBe(0)
})

test('a place that was left is given away again, and no other is made', () => {
  const slots = new Slots<number>()
  const places = new Set<number>()
  for (let round = 0; round < 1000; round++) {
    const [one, other] = [slots.put(round), slots.put(-round - 1)]
    for (const place of [one, other]) places.add(place)
    expect([slots.take(one), slots.take(other)]).toEqual([round, -round - 1])
  }
  expect(places.size).toBe(2)
})
