import type { MappingState, Result } from '../client/index.ts'
import { type Output, printable, type Style, styled } from './output.ts'

const COLUMNS = ['id', 'source', 'target', 'status', 'attempts', 'duration', 'error']

const STYLES: Readonly<Record<MappingState, Style>> = {
  completed: 'green',
  failed: 'red',
  cancelled: 'yellow',
  pending: 'dim',
}

/** Longer names and messages are cut; the other formats give them whole. */
const NAME_MAX = 40
const MESSAGE_MAX = 80

/** Results as a table for people. */
export async function resultsTable(results: readonly Result[], output: Output): Promise<string> {
  const { default: Table } = await import('cli-table3')
  const table = new Table({
    head: COLUMNS.map((column) => styled('bold', column, output)),
    style: { head: [], border: [], compact: true },
    colAligns: ['left', 'left', 'left', 'left', 'right', 'right', 'left'],
  })
  table.push(...results.map((result) => row(result, output)))
  return table.toString()
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

function cut(text: string, max: number): string {
  const shown = printable(text)
  return shown.length > max ? `${shown.slice(0, max - 1)}…` : shown
}
