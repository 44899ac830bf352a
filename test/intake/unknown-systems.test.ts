import { describe, expect, test } from 'vitest'
import { toCatalogue } from '../../src/intake/systems.ts'
import { UnknownSystems } from '../../src/intake/unknown-systems.ts'
import { lines, received } from './stage.ts'

function configured(names: readonly string[]) {
  return toCatalogue({ mode: 'configured', names, readable: [] })
}

const LONG = Array.from({ length: 1000 }, (_, n) => `${'customer_relations_'.repeat(3)}${1000 + n}`)

describe('who names a system that is not there', () => {
  test('is told which may have been meant, and which there are', () => {
    const unknown = new UnknownSystems(configured(['billing', 'crm']))
    const detail = 'There is no such system (did you mean "crm"?). Known systems: billing, crm.'
    expect(unknown.detailOf('crn')).toBe(detail)
    expect(unknown.detailOf('warehouse')).toBe(
      'There is no such system. Known systems: billing, crm.',
    )
  })

  test('is told of the first twenty, and how many more there are', () => {
    const many = Array.from({ length: 23 }, (_, n) => `system_of_number_${n + 10}`)
    const detail = new UnknownSystems(configured(many)).detailOf('x')
    expect(detail).toMatch(/system_of_number_29 and 3 more\.$/)
  })

  test('is told so of each of a few names, also of the same name again and again', () => {
    const unknown = new UnknownSystems(configured(LONG))
    const meant = ['1007x', '1008x'].map((end) => LONG[0]?.replace('1000', end) ?? '')
    for (let time = 0; time < 100; time++) {
      for (const name of meant) expect(unknown.detailOf(name)).toContain('did you mean')
    }
  })

  test('is guessed at no longer where there are too many names', () => {
    const unknown = new UnknownSystems(configured(LONG))
    const details = LONG.map((name) => unknown.detailOf(`${name}x`))
    expect(details.filter((detail) => detail.includes('did you mean'))).toHaveLength(4)
    expect(details.at(-1)).toContain('Known systems: ')
  })

  test('is guessed at longer where the names are short, or the systems few', () => {
    const short = Array.from({ length: 1000 }, (_, n) => `s-${n}`)
    for (const names of [short, LONG.slice(0, 20)]) {
      const unknown = new UnknownSystems(configured(names))
      const details = names.slice(0, 20).map((name) => unknown.detailOf(`${name}x`))
      for (const detail of details) expect(detail).toContain('did you mean')
    }
  })

  test('costs a stream of twenty thousand of them no more than that', async () => {
    const body = lines(20_000, (n) => ({ target: `${LONG[n % 1000]}${n}` }))
    const usedBefore = process.threadCpuUsage()
    const changes = { systems: configured([...LONG, 's']), onInvalid: 'skip' } as const
    expect(await received(body, changes)).toMatchObject({ kind: 'refused' })
    // Guessed at one by one they would cost two minutes.
    expect(process.threadCpuUsage(usedBefore).user).toBeLessThan(20_000_000)
  })
})
