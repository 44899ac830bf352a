import fc from 'fast-check'
import { expect, test } from 'vitest'
import { traceparent } from '../../src/core/trace.ts'

test('a request is a trace, and a mapping a span in it', () => {
  const request = '01985a3c-6c1e-7d3a-9a55-0d6f1f0e8a11'
  expect(traceparent(request, 0)).toBe('00-01985a3c6c1e7d3a9a550d6f1f0e8a11-0000000000000001-01')
  expect(traceparent(request, 254)).toBe('00-01985a3c6c1e7d3a9a550d6f1f0e8a11-00000000000000ff-01')
})

test('it has the form that others read, for every mapping a span of its own', () => {
  fc.assert(
    fc.property(fc.uuid(), fc.nat(), fc.nat(), (request, one, other) => {
      expect(traceparent(request, one)).toMatch(/^00-[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-01$/)
      expect(traceparent(request, one) === traceparent(request, other)).toBe(one === other)
    }),
  )
})
