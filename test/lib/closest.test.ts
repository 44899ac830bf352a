import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { didYouMean } from '../../src/lib/closest.ts'

/** The textbook's Levenshtein, which looks at everything. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (const letter of from) {
    const next = [(row[0] ?? 0) + 1]
    for (const [column, other] of [...to].entries()) {
      const replaced = (row[column] ?? 0) + (letter === other ? 0 : 1)
      next.push(Math.min(replaced, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}

describe('what was probably meant', () => {
  test.each([
    ['crn', ['erp', 'crm'], ' (did you mean "crm"?)'],
    ['CRM', ['crm'], ' (did you mean "crm"?)'],
    ['warehuose', ['warehouse'], ' (did you mean "warehouse"?)'],
    ['concurency', ['burst', 'concurrency', 'currency'], ' (did you mean "concurrency"?)'],
    ['a', ['xyz'], ''],
    ['crm', [], ''],
    ['', ['crm'], ''],
    ['x'.repeat(64), ['x'.repeat(65)], ` (did you mean "${'x'.repeat(65)}"?)`],
    ['x'.repeat(65), ['x'.repeat(65)], ''],
    ['a name that is long, and another', ['a name which was long, and another'], ''],
  ])('by "%s", among %j', (name, known, hint) => {
    expect(didYouMean(name, known)).toBe(hint)
  })

  test('is the first of the nearest, within a third of the name and four edits', () => {
    const letters = { unit: fc.constantFrom('a', 'b', 'c'), maxLength: 16 }
    const names = fc.array(fc.string({ ...letters, minLength: 1 }), { maxLength: 4 })
    fc.assert(
      fc.property(fc.string(letters), names, (written, known) => {
        const allowed =
          written.length < 4 ? 1 : Math.min(4, Math.max(2, Math.floor(written.length / 3)))
        const [nearest] = known
          .map((candidate) => ({ candidate, edits: distance(written, candidate) }))
          .filter(({ edits }) => edits <= allowed)
          .sort((a, b) => a.edits - b.edits)
        const hint = nearest === undefined ? '' : ` (did you mean "${nearest.candidate}"?)`
        expect(didYouMean(written, known)).toBe(hint)
      }),
      { numRuns: 2000 },
    )
  })
})
