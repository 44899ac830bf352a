import type pg from 'pg'
import { type ColumnType, type MovedRow, type MovedTable, SEPARATOR, type Tally } from '../moved.ts'
import { Refusal } from './fault.ts'
import { inTransaction, migrate } from './migrate.ts'

/** An empty database that takes in another store. */
export interface Import {
  insert(table: MovedTable, rows: readonly MovedRow[]): Promise<void>
  /** What a table holds now. */
  tally(table: MovedTable): Promise<Tally>
  /** Numbers given out from now on come after these. */
  goOnAfter(last: { readonly requests: number; readonly batches: number }): Promise<void>
}

/**
 * Fills an empty database in one transaction: if `work` throws, or this process dies, nothing of it is
 * left. Nobody else can insert a request meanwhile.
 *
 * @throws Refusal when it is not empty, or does not let us in
 * @throws StoreUnavailable when it cannot be reached, or is lost on the way
 */
export async function importInto<T>(url: string, work: (target: Import) => Promise<T>): Promise<T> {
  await migrate(url)
  return inTransaction(url, async (client) => {
    await assertEmpty(client)
    const result = await work({
      insert: (table, rows) => insert(client, table, rows),
      tally: (table) => tally(client, table),
      goOnAfter: (last) => goOnAfter(client, last),
    })
    // Claims must not go by what the planner thought of empty tables.
    await client.query('ANALYZE requests, batches, payloads, verdicts')
    return result
  })
}

async function assertEmpty(client: pg.Client): Promise<void> {
  await client.query('LOCK TABLE requests IN EXCLUSIVE MODE')
  const { rows } = await client.query(
    `SELECT EXISTS (SELECT 1 FROM requests) OR EXISTS (SELECT 1 FROM batches)
       OR EXISTS (SELECT 1 FROM idempotency_keys) OR EXISTS (SELECT 1 FROM systems) AS used`,
  )
  if (rows[0]?.used !== true) return
  throw new Refusal(
    `The database on ${client.host}:${client.port} holds requests or settings of systems. ` +
      'Move into an empty one: nothing is ever put together from two stores.',
  )
}

async function insert(
  client: pg.Client,
  { name, columns }: MovedTable,
  rows: readonly MovedRow[],
): Promise<void> {
  const arrays = Object.values(columns).map((type, index) => `$${index + 1}::${type}[]`)
  await client.query(
    `INSERT INTO ${name} (${Object.keys(columns).join(', ')})
     SELECT * FROM unnest(${arrays.join(', ')})`,
    arrays.map((_, index) => rows.map((row) => row[index])),
  )
}

async function tally(client: pg.Client, { name, columns }: MovedTable): Promise<Tally> {
  const texts = Object.entries(columns).map(asText).join(', ')
  const { rows } = await client.query(
    `SELECT count(*) AS rows, coalesce(sum(
       ('x' || left(md5(concat_ws('${SEPARATOR}', ${texts})), 8))::bit(32)::bigint), 0)::text AS digest
     FROM ${name}`,
  )
  return { rows: rows[0]?.rows, digest: BigInt(rows[0]?.digest) }
}

/** As `Tallier` has it. */
function asText([name, type]: readonly [string, ColumnType]): string {
  return type === 'double precision' ? `encode(float8send(${name}), 'hex')` : `${name}::text`
}

async function goOnAfter(
  client: pg.Client,
  { requests, batches }: { readonly requests: number; readonly batches: number },
): Promise<void> {
  await client.query(
    `SELECT setval('requests_seq_seq', $1::bigint + 1, false),
       setval('batches_id_seq', $2::bigint + 1, false)`,
    [requests, batches],
  )
}
