import { stringify } from 'csv-stringify/sync'
import { defuse } from '../../core/formula.ts'
import type { Result } from '../../core/results.ts'
import { nullableTimeOf } from '../time.ts'
import type { IntakeColumns } from './columns.ts'
import type { Form } from './form.ts'

const COLUMNS = [
  'id',
  'source',
  'target',
  'status',
  'attempts',
  'result',
  'error_code',
  'error_message',
  'http_status',
  'finished_at',
  'duration_ms',
]

/** What became of each mapping, in columns. */
export const csv: Form = {
  head: rows([COLUMNS]),
  lines: (results) => rows(results.map(cellsOf)),
}

function cellsOf(result: Result): readonly Cell[] {
  const { id, source, target, state, attempts, error } = result
  return [
    ...[id, source, target, state, attempts],
    result.result === null ? null : JSON.stringify(result.result),
    ...[error?.code, error?.message, error?.httpStatus],
    ...[nullableTimeOf(result.finishedAt), result.duration],
  ]
}

/** Mappings as they came, in columns, and why they failed. */
export function intakeCsv({ hasTransformations, data }: IntakeColumns): Form {
  const head = [
    ...['id', 'source', 'target'],
    ...(hasTransformations ? ['transformation'] : []),
    ...(data === 'json' ? ['data'] : data),
    'error',
  ]
  return {
    head: rows([head]),
    lines: (results) =>
      rows(
        results.map((result) => [
          ...[result.id, result.source, result.target],
          ...(hasTransformations ? [jsonOf(result.transformation)] : []),
          ...(data === 'json' ? [jsonOf(result.data)] : fieldsOf(result, data)),
          errorOf(result),
        ]),
      ),
  }
}

function fieldsOf({ data }: Result, names: readonly string[]): readonly Cell[] {
  const fields = new Map(Object.entries(data ?? {}))
  return names.map((name) => fields.get(name))
}

function jsonOf(value: unknown): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value)
}

/** A sentence for whoever mends it. */
function errorOf({ error }: Result): Cell {
  return error && `${error.code}: ${error.message}`
}

type Cell = string | number | null | undefined

/** RFC 4180, and nothing in it that a spreadsheet would run. */
function rows(records: readonly (readonly Cell[])[]): string {
  const cells = records.map((record) => record.map((cell) => defuse(String(cell ?? ''))))
  return stringify(cells, { record_delimiter: 'windows', quote_record_delimiter: true })
}
