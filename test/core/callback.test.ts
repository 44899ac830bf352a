import { describe, expect, test } from 'vitest'
import { CALLBACK_DISABLED, callbackReport } from '../../src/core/callback.ts'
import type { Closed } from '../../src/core/closed.ts'
import { pack } from '../../src/core/packed.ts'
import type { MappingError, Standing } from '../../src/core/verdict.ts'
import { NOW } from '../support/requests.ts'

function refused(httpStatus: number | null, code = 'target_rejected'): MappingError {
  return { code, message: 'It said so.', stage: 'write', httpStatus }
}

/** What is told of a callback that stands so. */
function told(standing: Standing | null, closed: Closed | null = null) {
  return callbackReport({
    ordinals: { first: 0, list: null },
    lane: 'callback:https://ops.example.com',
    mappings: pack([{ id: 'end', source: 'sluice', target: '' }]),
    verdicts: standing && JSON.stringify([standing]),
    closed,
  })
}

describe('what is told of a callback', () => {
  test('is that it is pending until it is over, and why its last attempt failed', () => {
    const error = refused(500)
    expect(told(null)).toEqual({ state: 'pending', attempts: 0, error: null })
    expect(told(['pending', 2, NOW, error])).toEqual({ state: 'pending', attempts: 2, error })
  })

  test('is that it is delivered, and how many attempts it took', () => {
    const report = { state: 'delivered', attempts: 3, error: null }
    expect(told(['completed', 3, NOW, 10, null])).toEqual(report)
  })

  test.each([
    ['failed', refused(404)],
    ['failed', refused(null, 'connection_failed')],
    ['disabled', refused(410)],
    ['disabled', refused(null, CALLBACK_DISABLED)],
  ])('is that it is %s by the last answer', (state, error) => {
    expect(told(['failed', 1, NOW, 10, error])).toEqual({ state, attempts: 1, error })
  })

  test('is that it has failed where its time was over, after the attempts that it had', () => {
    const report = told(['pending', 4, NOW, refused(500)], { as: 'expired', at: NOW })
    expect(report).toMatchObject({ state: 'failed', attempts: 4, error: { code: 'expired' } })
  })
})
