import type { MappingState, Result } from '../client/index.ts'
import { type Output, type Style, styled } from './output.ts'
import { cut, tableOf } from './table.ts'

const COLUMNS = {
  id: 'left',
  source: 'left',
  target: 'left',
  status: 'left',
  attempts: 'right',
  duration: 'right',
  error: 'left',
} as const

const STYLES: Readonly<Record<MappingState, Style>> = {
  completed: 'green',
  failed: 'red',
  cancelled: 'yellow',
  pending: 'dim',
}

const NAME_MAX = 40
const MESSAGE_MAX = 80

/** Results as a table for people. */
export function resultsTable(results: readonly Result[], output: Output): Promise<string> {
  const rows = results.map((result) => row(result, output))
  return tableOf(COLUMNS, rows, output)
}

function row(result: Result, output: Output): string[] {
  const { id, source, target, status, attempts, duration_ms, error } = result
  return [
    cut(id, NAME_MAX),
    cut(source, NAME_MAX),
    cut(target, NAME_MAX),
    styled(STYLES[status], status, output),
    String(attempts),
    duration_ms === null ? '' : `${duration_ms} ms`,
    error === null ? '' : cut(`${error.code}: ${error.message}`, MESSAGE_MAX),
  ]
}
