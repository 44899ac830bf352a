/**
 * Texts that a spreadsheet would take for formulas and run. In CSV such a cell gets an apostrophe in
 * front. So does one that has apostrophes there already: else nobody could tell whose they are, and what
 * goes out would not come in again as it was.
 */
const FORMULA = /^'*[=+\-@\t\r\n＝＋－＠]/

/** A cell that no spreadsheet runs. */
export function defuse(cell: string): string {
  return FORMULA.test(cell) ? `'${cell}` : cell
}

/** What a cell was before it was defused; one that never was stays as it is. */
export function restore(cell: string): string {
  return cell.startsWith("'") && FORMULA.test(cell) ? cell.slice(1) : cell
}
