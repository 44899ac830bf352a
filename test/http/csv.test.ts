import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { restore } from '../../src/core/formula.ts'
import type { Result } from '../../src/core/results.ts'
import { intakeCsv } from '../../src/http/results/csv.ts'

/** A failed mapping whose every text is of somebody else's making. */
function failed(id: string, source: string, data: Readonly<Record<string, string>>): Result {
  return {
    ...{ ordinal: 0, id, source, target: 'crm', data, state: 'failed', attempts: 1 },
    error: { code: 'target_rejected', message: source, stage: 'write', httpStatus: 422 },
    ...{ result: null, finishedAt: 0, duration: 1 },
  }
}

const nasty = fc.string({
  unit: fc.constantFrom(
    "'",
    '=',
    '-',
    '＠',
    '\t',
    '\r',
    '\n',
    '\r\n',
    '"',
    '""',
    ',',
    ' ',
    'é',
    '😀',
  ),
})
const cell = fc.oneof(nasty, fc.string({ unit: 'binary' }))

test('every text comes back out of CSV as it was, and so does the name of every column', () => {
  const names = fc.uniqueArray(nasty, { minLength: 1, maxLength: 4 })
  const rows = fc.array(fc.tuple(cell, cell, fc.array(cell, { minLength: 4, maxLength: 4 })))
  fc.assert(
    fc.property(names, rows, (data, mappings) => {
      const csv = intakeCsv({ hasTransformations: false, data })
      const results = mappings.map(([id, source, cells]) => {
        return failed(
          id,
          source,
          Object.fromEntries(data.map((name, at) => [name, cells[at] ?? ''])),
        )
      })
      const records: string[][] = parse(csv.head + csv.lines(results))
      expect(records.map((record) => record.map(restore))).toEqual([
        ['id', 'source', 'target', ...data, 'error'],
        ...mappings.map(([id, source, cells]) => {
          return [id, source, 'crm', ...cells.slice(0, data.length), `target_rejected: ${source}`]
        }),
      ])
    }),
  )
})
