import { describe, expect, test } from 'vitest'
import { Ids } from '../../src/intake/ids.ts'
import { newHashKey } from '../../src/lib/random.ts'
import { COLLIDING, KEY } from './colliding.ts'

describe('the ids of a stream', () => {
  test('are told from each other, and known again, however many there are', () => {
    const ids = new Ids(newHashKey())
    const ID_COUNT = 100_000
    for (let ordinal = 0; ordinal < ID_COUNT; ordinal++) {
      expect(ids.add(`map_${ordinal}`, ordinal)).toBeNull()
    }
    for (let ordinal = 0; ordinal < ID_COUNT; ordinal++) {
      if (ids.add(`map_${ordinal}`, ID_COUNT + ordinal) !== ordinal) expect.fail(`map_${ordinal}`)
    }
  })

  test('are not the same where they only look so', () => {
    const ids = new Ids(newHashKey())
    const looks = ['a', 'A', 'a ', 'á', 'a\u0301', 'аa', 'aa', '', 'a\u0000', '𝒳', '\ud835']
    for (const [ordinal, id] of looks.entries()) expect(ids.add(id, ordinal)).toBeNull()
  })

  test('may have one hash, and then the first one is named', () => {
    const ids = new Ids(KEY)
    const [one, other] = COLLIDING
    expect(one).not.toBe(other)
    expect(ids.add(one, 3)).toBeNull()
    expect(ids.add(other, 5)).toBe(3)
    expect(ids.add(one, 6)).toBe(3)
  })
})
