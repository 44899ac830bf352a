import { expect, test } from 'vitest'
import { newId } from '../../src/lib/random.ts'
import { NOW } from '../support/requests.ts'

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

test('an id is a UUIDv7 that begins with its time', () => {
  const id = newId(NOW)
  expect(id).toMatch(UUID_V7)
  expect(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16)).toBe(NOW)
})

test('ids of one millisecond are in the order in which they were made, and differ', () => {
  const ids = Array.from({ length: 2000 }, () => newId(NOW))
  expect(ids.toSorted()).toEqual(ids)
  expect(new Set(ids).size).toBe(ids.length)
})
