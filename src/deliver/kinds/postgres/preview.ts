import type { Preview, Shown, ShownSystem } from '../../kind.ts'
import { noWrites, together } from '../shown.ts'
import type { PostgresConfig } from './config.ts'
import { listOf, rowOf } from './rows.ts'
import { columnsOf, readStatement, upsertStatement } from './statements.ts'

/** Shows statements and their parameters, as the driver gets them. */
export function preview({ config: { read, write } }: ShownSystem<PostgresConfig>): Preview {
  return {
    latency: null,
    read: read === undefined ? null : ({ mapping }) => shownRead(read, mapping.id),
    write: write === undefined ? noWrites : shownWrite(write),
  }
}

function shownRead(read: NonNullable<PostgresConfig['read']>, id: string): Shown {
  const statement = onOneLine(readStatement(read))
  return { kind: 'call', call: { statement, parameters: [id] } }
}

function shownWrite(write: NonNullable<PostgresConfig['write']>): Preview['write'] {
  const statement = onOneLine(upsertStatement(write))
  const columns = columnsOf(write)
  return together(
    (delivery) => rowOf(delivery, columns),
    (rows) => ({ statement, parameters: [listOf(rows)] }),
  )
}

function onOneLine(statement: string): string {
  return statement.trim().replaceAll(/\s*\n\s*/g, ' ')
}
