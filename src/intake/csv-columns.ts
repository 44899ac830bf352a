import { restore } from '../core/formula.ts'
import type { Json } from '../core/units.ts'
import { readJsonText } from '../lib/json/read.ts'
import type { Fault } from './explain.ts'
import { DEPTH_MAX } from './parse.ts'
import { type Found, faultsOfJson, Unreadable } from './reader.ts'

/** Columns that every table has, and those whose cells are JSON, or empty. */
const NEEDED = ['id', 'source', 'target']
const JSON_COLUMNS = ['transformation', 'data']
/** Why it failed: what has failed is written out with it, to be mended and handed in again. */
const PASSED_OVER = 'error'

const COLUMNS_MAX = 1000

/** The mapping around a cell is a level as well: what is handed in as CSV can be as NDJSON. */
const CELL_LIMITS = { depth: DEPTH_MAX - 1 }

/** The columns of a table, as its first row names them. */
export class Columns {
  readonly #names: readonly string[]
  readonly #hasFields: boolean

  /** @throws Unreadable where it cannot be said what a row means */
  constructor(names: readonly string[], line: number) {
    const detail = faultOf(names)
    if (detail !== null) throw new Unreadable({ code: 'malformed_csv', path: [], detail }, line)
    this.#names = names
    this.#hasFields = names.some(isField)
  }

  /** What may be a mapping in a row, whose cells may be defused as results are. */
  read(row: readonly string[], line: number): Pick<Found, 'candidate' | 'faults'> {
    if (row.length !== this.#names.length) {
      return { candidate: null, faults: [this.#otherLength(row)] }
    }
    const candidate: Record<string, Json> = {}
    const fields: [string, string][] = []
    const faults: Fault[] = []
    for (const [place, name] of this.#names.entries()) {
      if (name === PASSED_OVER) continue
      const cell = restore(row[place] ?? '')
      if (cell.includes('\0')) faults.push(nulIn(name))
      else if (isField(name)) fields.push([name, cell])
      else if (!JSON_COLUMNS.includes(name)) candidate[name] = cell
      else if (cell !== '') readJsonCell(name, cell, line, candidate, faults)
    }
    if (this.#hasFields) candidate['data'] = Object.fromEntries(fields)
    return { candidate, faults }
  }

  #otherLength(row: readonly string[]): Fault {
    const detail = `This row has ${row.length} columns, and the first row names ${this.#names.length}.`
    return { code: 'malformed_csv', path: [], detail }
  }
}

function readJsonCell(
  name: string,
  cell: string,
  line: number,
  candidate: Record<string, Json>,
  faults: Fault[],
): void {
  const read = readJsonText(cell, CELL_LIMITS, line)
  if (read.ok) candidate[name] = read.value
  else {
    for (const fault of faultsOfJson(read.problems)) {
      faults.push({ ...fault, path: [name, ...fault.path] })
    }
  }
}

function nulIn(name: string): Fault {
  const path = isField(name) ? ['data', name] : [name]
  return { code: 'invalid_string', path, detail: 'Leave out the NUL character.' }
}

/** Whether a column is a field of the record. */
function isField(name: string): boolean {
  return !NEEDED.includes(name) && !JSON_COLUMNS.includes(name) && name !== PASSED_OVER
}

/** What is wrong with the first row; null for nothing. */
function faultOf(names: readonly string[]): string | null {
  const missing = NEEDED.filter((name) => !names.includes(name))
  if (missing.length > 0) {
    return `The first row must name the columns; ${missing.join(', ')} is not among them.`
  }
  if (names.length > COLUMNS_MAX) return `A table may have at most ${COLUMNS_MAX} columns.`
  if (names.includes('')) return 'Each column needs a name in the first row.'
  if (new Set(names).size < names.length) return 'Give each column a name of its own.'
  if (names.some((name) => name.includes('\0')))
    return 'Leave the NUL character out of the first row.'
  if (names.includes('__proto__')) return 'No column may be called __proto__.'
  if (names.includes('data') && names.some(isField)) {
    return 'A record is either one column, data, in JSON, or a column for each of its fields.'
  }
  return null
}
