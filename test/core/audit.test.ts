import { describe, expect, test } from 'vitest'
import {
  AUDIT_START,
  AUDITED_ORDINALS,
  type AuditPiece,
  auditStep,
  type Counts,
} from '../../src/core/audit.ts'

const SAID: Counts = { completed: 5, failed: 2, cancelled: 1, open: 3 }

/** A small request that is as it says, but for what is told. */
function piece(changes: Partial<AuditPiece> = {}): AuditPiece {
  return { request: 7, total: 11, said: SAID, counted: SAID, grouped: 2, ...changes }
}

describe('a request that is counted at once', () => {
  test('is let be where it says the truth, and the next one follows', () => {
    const { place, truth } = auditStep(AUDIT_START, piece())
    expect(truth).toBeNull()
    expect(place).toEqual({ ...AUDIT_START, request: 8 })
  })

  test('is judged then and there where it fills a piece to the last', () => {
    const { place } = auditStep(AUDIT_START, piece({ total: AUDITED_ORDINALS }))
    expect(place).toEqual({ ...AUDIT_START, request: 8 })
  })

  test.each(['completed', 'failed', 'cancelled', 'open'] as const)(
    'does not say the truth where its %s is another',
    (name) => {
      const counted = { ...SAID, [name]: SAID[name] + 1 }
      expect(auditStep(AUDIT_START, piece({ counted })).truth).toEqual(counted)
    },
  )

  test('does not where its groups hold more failures, or fewer', () => {
    for (const grouped of [1, 3]) {
      expect(auditStep(AUDIT_START, piece({ grouped })).truth).toEqual(SAID)
    }
  })

  test('does not where nothing of it is open: it is to be finished', () => {
    const over = { ...SAID, open: 0 }
    expect(auditStep(AUDIT_START, piece({ said: over, counted: over })).truth).toEqual(over)
  })
})

describe('a request that is counted in pieces', () => {
  const half = { completed: 3, failed: 0, cancelled: 1, open: 2 }
  const rest = { completed: 2, failed: 2, cancelled: 0, open: 1 }
  const total = AUDITED_ORDINALS + 1
  const first = auditStep(AUDIT_START, piece({ total, counted: half }))

  test('is not judged before its last piece', () => {
    expect(first).toEqual({
      place: { request: 7, from: AUDITED_ORDINALS, counted: half, said: SAID },
      truth: null,
    })
  })

  test('is the sum of them', () => {
    expect(auditStep(first.place, piece({ total, counted: rest })).truth).toBeNull()
    const wrong = { ...rest, failed: 1 }
    expect(auditStep(first.place, piece({ total, counted: wrong })).truth).toEqual({
      ...SAID,
      failed: 1,
    })
  })

  test('is left to the next round where it was counted on meanwhile', () => {
    const said = { ...SAID, completed: 6 }
    for (const size of [total, 3 * total]) {
      const step = auditStep(first.place, piece({ total: size, said, counted: rest }))
      expect(step).toEqual({ place: { ...AUDIT_START, request: 8 }, truth: null })
    }
  })

  test('that is gone takes nothing of its count along to the one after it', () => {
    expect(auditStep(first.place, piece({ request: 9 })).truth).toBeNull()
  })
})
