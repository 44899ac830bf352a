import { describe, expect, test } from 'vitest'
import { requestText } from '../../src/cli/request-text.ts'

const TERMS = { priority: 'HIGH', batchSize: 7, metadata: { run: 'nightly' } } as const

describe('a request that options are put into', () => {
  test.each([
    ['[1]', '{"priority":"HIGH","batch_size":7,"metadata":{"run":"nightly"},"mappings":[1]}'],
    [
      '{"mappings": [1]}',
      '{"priority":"HIGH","batch_size":7,"metadata":{"run":"nightly"},"mappings": [1]}',
    ],
    [
      '{"priority": "LOW", "mappings": [1.0], "batch_size": 5 }',
      '{"metadata":{"run":"nightly"},"priority": "HIGH", "mappings": [1.0], "batch_size": 7 }',
    ],
    [
      '{"metadata": {"by": "me", "run": "daily"}, "batch_size": 5, "priority": 1}',
      '{"metadata": {"by":"me","run":"nightly"}, "batch_size": 7, "priority": "HIGH"}',
    ],
    ['{}', '{"priority":"HIGH","batch_size":7,"metadata":{"run":"nightly"}}'],
  ])('%s', async (text, expected) => {
    expect(await requestText(text, TERMS)).toBe(expected)
  })

  test.each(['$$5', '$&', "$'", '$`', '$1'])('has %s in it as it was given', async (text) => {
    const terms = { metadata: { text } }
    const made = await requestText('{"mappings": [1]}', terms)
    expect(JSON.parse(made ?? '')).toEqual({ ...terms, mappings: [1] })
  })

  test('keeps what only looks like one of its fields', async () => {
    const data = '{"priority": "LOW", "text": "\\"priority\\": \\"LOW\\" }"}'
    const text = `{"mappings": [{"data": ${data}}]}`
    expect(await requestText(text, { priority: 'HIGH' })).toBe(
      `{"priority":"HIGH","mappings": [{"data": ${data}}]}`,
    )
  })

  test('keeps doubled fields, and what is no JSON, for Sluice to refuse', async () => {
    const doubled = '{"priority": "LOW", "priority": "LOW", "metadata": tru}'
    const text = await requestText(doubled, TERMS)
    expect(text).toContain('"priority": "LOW", "priority": "HIGH"')
    expect(text).not.toContain('undefined')
  })
})

test('a request without options is what it was', async () => {
  expect(await requestText(' {"mappings": []} ', {})).toBe(' {"mappings": []} ')
  expect(await requestText('mappings', {})).toBeNull()
})
