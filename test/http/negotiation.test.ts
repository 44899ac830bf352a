import { describe, expect, test } from 'vitest'
import { negotiate } from '../../src/http/negotiation.ts'

const OFFERS = ['application/json', 'application/x-ndjson', 'text/csv']

describe('the form of an answer', () => {
  test.each([
    [undefined, 'application/json'],
    ['', 'application/json'],
    [' , ,', 'application/json'],
    ['*/*', 'application/json'],
    ['application/x-ndjson', 'application/x-ndjson'],
    ['Application/X-NDJSON', 'application/x-ndjson'],
    ['text/*', 'text/csv'],
    ['application/*', 'application/json'],
    ['text/html, application/xhtml+xml, */*;q=0.8', 'application/json'],
  ])('by %s', (accept, chosen) => {
    expect(negotiate(accept, OFFERS)).toBe(chosen)
  })

  test.each([
    ['text/csv, application/json;q=0.9', 'text/csv'],
    ['application/json;q=0.1, application/x-ndjson;q=0.2', 'application/x-ndjson'],
    ['text/csv;q=0.001, text/html', 'text/csv'],
    ['text/csv;header=present;q=0.5, application/json;q=0.4', 'text/csv'],
    ['application/json ; Q = 0.3 , text/csv ; q=0.30', 'application/json'],
  ])('goes by the quality: %s', (accept, chosen) => {
    expect(negotiate(accept, OFFERS)).toBe(chosen)
  })

  test.each([
    ['application/json;q=0, */*', 'application/x-ndjson'],
    ['*/*, application/*;q=0', 'text/csv'],
    ['application/*;q=0.1, application/x-ndjson;q=0.3, */*;q=0.2', 'application/x-ndjson'],
    ['*/*;q=0.5, application/json;q=0.1, application/x-ndjson;q=0', 'text/csv'],
  ])('goes by the most exact range: %s', (accept, chosen) => {
    expect(negotiate(accept, OFFERS)).toBe(chosen)
  })

  test.each(['text/html', '*/*;q=0', 'text/csv;q=0.000', 'json', ';q=1', 'text/'])(
    'is none by "%s"',
    (accept) => {
      expect(negotiate(accept, OFFERS)).toBeNull()
    },
  )
})
