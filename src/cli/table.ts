import { type Output, printable, styled, widthOf } from './output.ts'

export type Alignment = 'left' | 'right'

const FRAMED = { style: { head: [], border: [], compact: true } }

/** Lines of a frame that wrap cannot be read; without one, rows that wrap can. */
const BARE = {
  style: { head: [], border: [], compact: true, 'padding-left': 0, 'padding-right': 2 },
  chars: {
    ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '' },
    ...{ bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
    ...{ left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '' },
  },
}

/**
 * A table for people, with a frame unless a terminal is too narrow for it. What is in its cells must be
 * printable.
 *
 * @param columns names, and how what is below each is aligned
 * @param lastWidth at which the text of the last column is wrapped; null where it is not
 */
export async function tableOf(
  columns: Readonly<Record<string, Alignment>>,
  rows: readonly (readonly string[])[],
  output: Output,
  lastWidth: number | null = null,
): Promise<string> {
  const { default: Table } = await import('cli-table3')
  const names = Object.keys(columns)
  const laidOut = (frame: typeof FRAMED) => {
    const table = new Table({
      ...frame,
      head: names.map((column) => styled('bold', column, output)),
      colAligns: Object.values(columns),
      colWidths: [...names.slice(1).map(() => null), lastWidth],
      wordWrap: lastWidth !== null,
    })
    table.push(...rows.map((row) => [...row]))
    return table
  }
  const framed = laidOut(FRAMED)
  const isTooWide = output.isTTY && framed.width > widthOf(output)
  return isTooWide ? laidOut(BARE).toString() : framed.toString()
}

/** Text from elsewhere, harmless and no longer than `max`; programs are given it whole. */
export function cut(text: string, max: number): string {
  const shown = printable(text)
  return shown.length > max ? `${shown.slice(0, max - 1)}…` : shown
}
