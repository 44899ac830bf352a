/** Every example of docs/transformations.md gives what it says. */
import { readFileSync } from 'node:fs'
import { afterAll, describe, expect, test } from 'vitest'
import { faultOf } from '../../src/lib/jsonata.ts'
import { shareTransformer } from '../support/transform.ts'

const PAGE = readFileSync(new URL('../../docs/transformations.md', import.meta.url), 'utf8')

const { compute, close } = shareTransformer()
afterAll(close)

/** What the fences of one kind hold. */
function fenced(kind: string): readonly string[] {
  const fence = new RegExp(`^\`\`\`json ${kind}\\n([\\s\\S]*?)^\`\`\`$`, 'gm')
  return [...PAGE.matchAll(fence)].map(([, text = '']) => text)
}

const titles = [...PAGE.matchAll(/^### (.+)$/gm)].map(([, title = '']) => title)
const transformations = fenced('transformation')
const payloads = fenced('payload')
const [record = ''] = fenced('record')

describe('docs/transformations.md', () => {
  test('has a transformation and a payload under every title', () => {
    expect(titles).toHaveLength(8)
    expect([transformations.length, payloads.length]).toEqual([titles.length, titles.length])
  })

  test.each(titles.map((title, index) => [title, index] as const))('%s', async (_, index) => {
    const [transformation = '', payload = ''] = [transformations[index], payloads[index]]
    expect(await compute(JSON.parse(transformation), JSON.parse(record))).toEqual({
      kind: 'payload',
      payload: JSON.parse(payload),
    })
  })

  test('names the limits that there are', () => {
    expect(faultOf(`${' '.repeat(4095)}1`)).toBeNull()
    expect(faultOf(`${' '.repeat(4096)}1`)).toContain('4096 characters')
    expect(faultOf(`a${'.a'.repeat(200)}`)).toBeNull()
    expect(faultOf(`a${'.a'.repeat(201)}`)).toContain('200 dots')
  })
})
