import Type, { type Static } from 'typebox'
import { AllowPrivate } from '../../connect/guard.ts'
import { Tls } from '../../connect/tls.ts'
import { addressProperties } from '../address.ts'
import { BulkConfig } from '../many.ts'

/** The longest name that PostgreSQL keeps whole. */
const NAME_BYTES_MAX = 63

const COLUMN = 'must be the name of a column, of at most 63 bytes'
const TABLE = 'must be the name of a table, alone or after its schema and a dot'

const Column = Type.Refine(Type.Unsafe<string>({}), isName, () => COLUMN)

const Table = Type.Refine(
  Type.Unsafe<string>({}),
  (text) =>
    typeof text === 'string' && text.split('.').length <= 2 && text.split('.').every(isName),
  () => TABLE,
)

function isName(text: unknown): boolean {
  return (
    typeof text === 'string' &&
    text !== '' &&
    Buffer.byteLength(text) <= NAME_BYTES_MAX &&
    !/\p{Cc}/u.test(text) &&
    text.isWellFormed()
  )
}

const Columns = Type.Array(Column, { minItems: 1, maxItems: 500, uniqueItems: true })

/** What the systems file may say of a PostgreSQL database. */
export const config = Type.Object({
  /** `postgres://user:password@host:5432/database`. */
  ...addressProperties('postgres', 'postgresql'),
  /** Speaks TLS where it is there, if only as `{}`. */
  tls: Type.Optional(Tls),
  read: Type.Optional(
    Type.Object({
      table: Table,
      /** The column that is equal to the mapping's id. */
      key: Column,
      /** Without them, all. */
      columns: Type.Optional(Columns),
    }),
  ),
  write: Type.Optional(
    Type.Object({
      table: Table,
      /** The column, with a unique index, by which a row is known. */
      key: Column,
      /** What is written besides the key, each from the payload's field of its name. */
      columns: Columns,
    }),
  ),
  bulk: Type.Optional(BulkConfig),
  allow_private: Type.Optional(AllowPrivate),
})

export type PostgresConfig = Static<typeof config>
