import { expect, test } from 'vitest'
import { sourcesOf } from '../../src/intake/sources.ts'

test('counts the mappings that are read from each system, of those from which can be read', () => {
  const systems = {
    mode: 'configured',
    names: [],
    has: () => true,
    reads: (name: string) => name !== 'queue',
  } as const
  const mappings = [
    { source: 'erp' },
    { source: 'erp', data: null },
    { source: 'shop' },
    { source: 'erp' },
    { source: 'queue' },
    { source: '__proto__' },
  ].map((mapping, n) => ({ id: `m${n}`, target: 'crm', ...mapping }))
  expect(Object.entries(sourcesOf(mappings, systems))).toEqual([
    ['erp', 2],
    ['shop', 1],
    ['__proto__', 1],
  ])
})
