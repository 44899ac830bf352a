import { readFile } from 'node:fs/promises'
import { Value } from 'typebox/value'
import { expect, test } from 'vitest'
import { sampleRequest } from '../../src/cli/sample.ts'
import { IngestSchema } from '../../src/intake/schema.ts'

test('the demo and the example hold requests that Sluice takes', async () => {
  const example = await readFile(new URL('../../examples/sample.json', import.meta.url), 'utf8')
  const demo = sampleRequest(100)
  expect(new Set(demo.mappings.map(({ id }) => id)).size).toBe(100)
  for (const request of [demo, JSON.parse(example)]) {
    expect([...Value.Errors(IngestSchema, request)]).toEqual([])
  }
})
