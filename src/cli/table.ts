import { type Output, printable, styled } from './output.ts'

export type Alignment = 'left' | 'right'

/**
 * A table for people. What is in its cells must be printable.
 *
 * @param columns names, and how what is below each is aligned
 */
export async function tableOf(
  columns: Readonly<Record<string, Alignment>>,
  rows: readonly (readonly string[])[],
  output: Output,
): Promise<string> {
  const { default: Table } = await import('cli-table3')
  const table = new Table({
    head: Object.keys(columns).map((column) => styled('bold', column, output)),
    style: { head: [], border: [], compact: true },
    colAligns: Object.values(columns),
  })
  table.push(...rows.map((row) => [...row]))
  return table.toString()
}

/** Text from elsewhere, harmless and no longer than `max`; programs are given it whole. */
export function cut(text: string, max: number): string {
  const shown = printable(text)
  return shown.length > max ? `${shown.slice(0, max - 1)}…` : shown
}
