import { RECORD_BYTES_MAX } from '../endings.ts'
import type { PostgresConfig } from './config.ts'

/**
 * Gives one row as the JSON text `record`: null where it is too large, so that nobody has to take it
 * in. The server, not we, says what a value of each of its types looks like as JSON.
 */
export function readStatement({ table, key, columns }: NonNullable<PostgresConfig['read']>) {
  const selected = columns?.map(quoted).join(', ') ?? '*'
  return `
    SELECT CASE WHEN octet_length(record) <= ${RECORD_BYTES_MAX} THEN record END AS record
    FROM (
      SELECT row_to_json(found)::text AS record
      FROM (SELECT ${selected} FROM ${quotedTable(table)} WHERE ${quoted(key)} = $1 LIMIT 1) AS found
    ) AS written`
}

/** The columns of a write, its key first and only once. */
export function columnsOf({ key, columns }: NonNullable<PostgresConfig['write']>): string[] {
  return [key, ...columns.filter((column) => column !== key)]
}

/**
 * Writes rows, handed over as the text of one JSON array, each over the one of its key. The table's
 * own row type reads them, so that every type PostgreSQL has is converted as PostgreSQL does.
 */
export function upsertStatement(write: NonNullable<PostgresConfig['write']>): string {
  const table = quotedTable(write.table)
  const [key = '', ...others] = columnsOf(write).map(quoted)
  const all = [key, ...others].join(', ')
  const changes = others.map((column) => `${column} = EXCLUDED.${column}`).join(', ')
  const action = changes === '' ? 'NOTHING' : `UPDATE SET ${changes}`
  return `
    INSERT INTO ${table} (${all})
    SELECT ${all} FROM json_populate_recordset(NULL::${table}, $1::json)
    ON CONFLICT (${key}) DO ${action}`
}

function quotedTable(table: string): string {
  return table.split('.').map(quoted).join('.')
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
