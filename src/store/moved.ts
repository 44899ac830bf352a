/** What is carried over from one store to another: the tables, by name and column, and how to check it. */
import { hash } from 'node:crypto'

export type Value = string | number | null
/** The values in the order of the table's columns. */
export type MovedRow = readonly Value[]
export type ColumnType = 'bigint' | 'smallint' | 'double precision' | 'text'

/** A table as the store that it goes to has it. */
export interface MovedTable {
  readonly name: string
  readonly columns: Readonly<Record<string, ColumnType>>
}

const COUNTS = { completed: 'bigint', failed: 'bigint', cancelled: 'bigint' } as const

/** All but who is alive, and what they told of late: they are others in the new place. */
export const MOVED_TABLES = [
  {
    name: 'requests',
    columns: {
      ...{ seq: 'bigint', id: 'text', tenant: 'text', priority: 'text', state: 'text' },
      ...{ total: 'bigint', ...COUNTS, open: 'bigint' },
      ...{ created_at: 'bigint', started_at: 'bigint', finished_at: 'bigint' },
      ...{ metadata: 'text', lanes: 'text', sources: 'text' },
      ...{ marked_at: 'bigint', marked: 'bigint', earlier_at: 'bigint', earlier: 'bigint' },
      ...{ not_before: 'bigint', expires_at: 'bigint', callback_url: 'text', retry_of: 'text' },
      ...{ closing: 'text', closing_at: 'bigint', closing_from: 'bigint' },
      ...{ receiving_until: 'bigint', release_at: 'bigint' },
    },
  },
  {
    name: 'idempotency_keys',
    columns: {
      ...{ tenant: 'text', key: 'text', fingerprint: 'text', request: 'text' },
      ...{ created_at: 'bigint', total: 'bigint' },
    },
  },
  {
    name: 'batches',
    columns: {
      ...{ id: 'bigint', request: 'bigint', lane: 'text', state: 'text' },
      ...{ start: 'double precision', rank: 'double precision', count: 'bigint', ...COUNTS },
      ...{ run_at: 'bigint', token: 'bigint', rescues: 'bigint' },
    },
  },
  {
    name: 'payloads',
    columns: {
      ...{ batch: 'bigint', request: 'bigint', lane: 'text', first: 'bigint', last: 'bigint' },
      ...{ count: 'bigint', ordinals: 'text', mappings: 'text' },
    },
  },
  { name: 'verdicts', columns: { batch: 'bigint', ...COUNTS, verdicts: 'text' } },
  {
    name: 'flows',
    columns: {
      ...{ lane: 'text', tenant: 'text', priority: 'text' },
      ...{ requests: 'bigint', mappings: 'bigint' },
    },
  },
  {
    name: 'releases',
    columns: {
      ...{ request: 'bigint', lane: 'text' },
      ...{ start: 'double precision', step: 'double precision' },
    },
  },
  {
    name: 'failure_groups',
    columns: {
      ...{ request: 'bigint', target: 'text', code: 'text', http_status: 'bigint' },
      ...{ count: 'bigint', sample: 'text', message: 'text' },
    },
  },
  { name: 'request_lanes', columns: { request: 'bigint', lane: 'text', open: 'bigint' } },
  {
    name: 'disabled_callbacks',
    columns: { tenant: 'text', url: 'text', lane: 'text', at: 'bigint' },
  },
  {
    name: 'systems',
    columns: {
      ...{ system: 'text', state: 'text', until: 'bigint', reason: 'text' },
      ...{ concurrency: 'bigint', rate: 'text', paused: 'smallint' },
    },
  },
] as const satisfies readonly MovedTable[]

export type MovedName = (typeof MOVED_TABLES)[number]['name']

/** What tells whether two tables hold the same rows, in whatever order. */
export interface Tally {
  readonly rows: number
  /** The sum of the rows' digests: the first 32 bits of the MD5 of their values. */
  readonly digest: bigint
}

export const SEPARATOR = '|'

/** Counts rows as they go by. */
export class Tallier {
  readonly #types: readonly ColumnType[]
  #rows = 0
  #digest = 0n

  constructor({ columns }: MovedTable) {
    this.#types = Object.values(columns)
  }

  add(row: MovedRow): void {
    const texts = row.flatMap((value, index) =>
      value === null ? [] : [asText(value, this.#types[index])],
    )
    this.#rows += 1
    this.#digest += BigInt(`0x${hash('md5', texts.join(SEPARATOR)).slice(0, 8)}`)
  }

  get tally(): Tally {
    return { rows: this.#rows, digest: this.#digest }
  }
}

/** A number with a fraction is told by its bits: stores write them differently. */
function asText(value: string | number, type: ColumnType | undefined): string {
  if (type !== 'double precision') return String(value)
  const bits = Buffer.alloc(8)
  bits.writeDoubleBE(Number(value))
  return bits.toString('hex')
}
