import { describe, expect, test } from 'vitest'
import { gateOfQuota } from '../../src/core/gate.ts'
import { allowanceAfter, type Quota } from '../../src/core/quota.ts'
import { NOW } from '../support/requests.ts'

function quota(changes: Partial<Quota>): Quota {
  return { limit: 100, window: 60_000, remaining: 10, resetsAt: NOW + 30_000, ...changes }
}

describe('what a system says of its own limit', () => {
  test('leaves what remains, less the calls under way, to one worker', () => {
    expect(allowanceAfter(null, quota({}), 1, 3, NOW)).toEqual({ calls: 7, until: NOW + 30_000 })
    expect(allowanceAfter(null, quota({}), 4, 1, NOW)).toEqual({ calls: 1, until: NOW + 30_000 })
    expect(allowanceAfter(null, quota({ remaining: 2 }), 1, 3, NOW)?.calls).toBe(0)
  })

  test('is never more than an answer of the same window has left before', () => {
    const before = { calls: 4, until: NOW + 30_000 }
    expect(allowanceAfter(before, quota({ remaining: 9 }), 1, 0, NOW)).toEqual(before)
    expect(allowanceAfter(before, quota({ remaining: 2 }), 1, 0, NOW)?.calls).toBe(2)
    const later = quota({ remaining: 9, resetsAt: NOW + 30_900 })
    expect(allowanceAfter(before, later, 1, 0, NOW)).toEqual(before)
    const next = quota({ remaining: 100, resetsAt: NOW + 90_000 })
    expect(allowanceAfter(before, next, 1, 0, NOW)?.calls).toBe(100)
  })

  test('changes nothing where it says too little', () => {
    for (const part of [{ remaining: null }, { resetsAt: null }, { resetsAt: NOW }]) {
      expect(allowanceAfter(null, quota(part), 1, 0, NOW)).toBeNull()
    }
  })

  test('is honoured for an hour at most', () => {
    const far = quota({ resetsAt: NOW + 1e12 })
    expect(allowanceAfter(null, far, 1, 0, NOW)?.until).toBe(NOW + 3_600_000)
    expect(gateOfQuota({ ...far, remaining: 0 }, NOW)?.until).toBe(NOW + 3_600_000)
  })

  test('closes the gate for all where no call is left, and the next window is not near', () => {
    expect(gateOfQuota(quota({ remaining: 0 }), NOW)).toMatchObject({
      state: 'throttled',
      until: NOW + 30_000,
    })
    expect(gateOfQuota(quota({ remaining: 1 }), NOW)).toBeNull()
    expect(gateOfQuota(quota({ remaining: 0, resetsAt: NOW + 900 }), NOW)).toBeNull()
    expect(gateOfQuota(quota({ remaining: 0, resetsAt: null }), NOW)).toBeNull()
  })
})
