import type { PoolClient } from 'pg'
import type {
  Call,
  Connection,
  Delivery,
  Kind,
  ReadAnswer,
  SystemContext,
  WriteAnswer,
} from '../kind.ts'
import {
  DELIVERED,
  invalidRecord,
  noRecord,
  notConfigured,
  RECORD_BYTES_MAX,
  refusalOf,
} from './endings.ts'
import { writing } from './many.ts'
import { config, type PostgresConfig } from './postgres/config.ts'
import { isAboutData, judge } from './postgres/judge.ts'
import { type Lines, openLines } from './postgres/pool.ts'
import { preview } from './postgres/preview.ts'
import { parseRecord } from './postgres/record.ts'
import { listOf, rowOf } from './postgres/rows.ts'
import { columnsOf, readStatement, upsertStatement } from './postgres/statements.ts'

/** A PostgreSQL database: reads a row by the mapping's id, and writes rows over those of their key. */
export const postgres: Kind<PostgresConfig> = { name: 'postgres', config, connect, preview }

function connect(system: SystemContext<PostgresConfig>): Connection {
  const { read, write, bulk } = system.config
  const lines = openLines(system)
  const writeMany =
    write === undefined
      ? async (deliveries: readonly Delivery[]) => deliveries.map(() => notConfigured('write'))
      : writer(system, lines, write)
  return {
    read: read === undefined ? null : reader(system, lines, read),
    ...writing(bulk, writeMany),
    close: () => lines.close(),
  }
}

function reader(
  { timeout }: SystemContext<PostgresConfig>,
  lines: Lines,
  read: NonNullable<PostgresConfig['read']>,
) {
  const statement = readStatement(read)
  return async ({ mapping, signal }: Call): Promise<ReadAnswer> => {
    const ended = await lines.use(signal, (client) =>
      client.query<{ record: string | null }>(statement, [mapping.id]),
    )
    if (ended.kind !== 'done') return refusalOf(ended, 'read', timeout, judge)
    const [row] = ended.value.rows
    if (row === undefined) return noRecord('The table has no row for this id.')
    if (row.record === null) return invalidRecord(`The row is over ${RECORD_BYTES_MAX} bytes.`)
    const record = parseRecord(row.record)
    return record === null
      ? invalidRecord('The row is nested too deeply.')
      : { kind: 'record', record }
  }
}

/** One row on its way: where its answer goes, and its JSON text. */
interface Row {
  readonly place: number
  readonly text: string
}

function writer(
  { timeout }: SystemContext<PostgresConfig>,
  lines: Lines,
  write: NonNullable<PostgresConfig['write']>,
) {
  const statement = upsertStatement(write)
  const columns = columnsOf(write)

  return async (
    deliveries: readonly Delivery[],
    signal: AbortSignal,
  ): Promise<readonly WriteAnswer[]> => {
    const answers: WriteAnswer[] = []
    const rows: Row[] = []
    for (const [place, delivery] of deliveries.entries()) {
      const text = rowOf(delivery, columns)
      if (typeof text === 'string') rows.push({ place, text })
      else answers[place] = text
    }
    if (rows.length > 0) {
      const ended = await lines.use(signal, (client) => upsert(client, statement, rows, answers))
      if (ended.kind !== 'done') {
        const refusal = refusalOf(ended, 'write', timeout, judge)
        for (const { place } of rows) answers[place] ??= refusal
      }
    }
    // A copy: work that was cut off may still note an answer.
    return answers.slice()
  }
}

/**
 * Writes all rows with one statement; where the data of one spoils it for all, each with its own.
 * An answer is noted as soon as it is known, for the work may be cut off in between.
 */
async function upsert(
  client: PoolClient,
  statement: string,
  rows: readonly Row[],
  answers: WriteAnswer[],
): Promise<void> {
  try {
    await client.query(statement, [listOf(rows.map(({ text }) => text))])
    for (const { place } of rows) answers[place] = DELIVERED
  } catch (error) {
    if (!isAboutData(error)) throw error
    if (rows.length > 1) for (const row of rows) await upsert(client, statement, [row], answers)
    else for (const { place } of rows) answers[place] = judge(error, 'write')
  }
}
