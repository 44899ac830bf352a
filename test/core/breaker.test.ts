import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type BreakerCounts,
  type BreakerPolicy,
  counted,
  trippedAgain,
  trippedBy,
} from '../../src/core/breaker.ts'
import { NOW } from '../support/requests.ts'

const POLICY: BreakerPolicy = { failureRatio: 0.5, window: 30_000, minimum: 10, cooldown: 20_000 }

/** Counts calls, `every` milliseconds apart, the last of them now. */
function counts(failed: readonly boolean[], every = 0): BreakerCounts {
  const first = NOW - (failed.length - 1) * every
  return failed.reduce<BreakerCounts>(
    (before, one, at) => counted(before, POLICY, one, first + at * every),
    [],
  )
}

const bad = (times: number) => Array.from({ length: times }, () => true)
const good = (times: number) => Array.from({ length: times }, () => false)

describe('the breaker', () => {
  test.each([
    ['half of enough calls fail', [...good(5), ...bad(5)], 0, true],
    ['all of them fail', bad(10), 0, true],
    ['fewer than half fail', [...good(6), ...bad(5)], 0, false],
    ['too few were made to tell', bad(9), 0, false],
    ['they were made over more than the window', bad(12), 4000, false],
    ['they were made within the window', bad(12), 2000, true],
    ['the failures are long past', [...bad(100), ...good(11)], 3000, false],
  ] as const)('when %s', (_, calls, every, trips) => {
    expect(trippedBy(counts(calls, every), POLICY, NOW) !== null).toBe(trips)
  })

  test('leaves the system alone for its cooldown, and says why', () => {
    expect(trippedBy(counts([...good(4), ...bad(6)]), POLICY, NOW)).toEqual({
      state: 'tripped',
      until: NOW + 20_000,
      reason: '6 of its last 10 calls failed; it is left alone a while.',
    })
    expect(trippedAgain(POLICY, NOW)).toMatchObject({ state: 'tripped', until: NOW + 20_000 })
  })

  test('keeps no more than it needs, however many calls there are', () => {
    const anyPauses = fc.array(fc.nat({ max: 5000 }), { maxLength: 200 })
    fc.assert(
      fc.property(anyPauses, (pauses) => {
        let now = NOW
        let kept: BreakerCounts = []
        for (const pause of pauses) {
          now += pause
          kept = counted(kept, POLICY, true, now)
          expect(kept.length).toBeLessThanOrEqual(11)
          for (const { since } of kept) expect(since).toBeGreaterThan(now - POLICY.window)
        }
      }),
      { numRuns: 50 },
    )
  })
})
