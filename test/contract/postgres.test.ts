import pg from 'pg'
import { afterAll } from 'vitest'
import { openPostgresStore } from '../../src/store/postgres/store.ts'
import type { Store } from '../../src/store/store.ts'
import { postgresDatabase } from '../support/postgres.ts'
import { storeContract } from './store.contract.ts'

const { url, drop } = await postgresDatabase()
const store = await openPostgresStore({
  url,
  listenUrl: null,
  connections: 10,
  migrate: true,
  clock: 'caller',
})
const client = new pg.Client(url)
await client.connect()
const { rows } = await client.query(
  `SELECT string_agg(tablename, ', ') AS tables FROM pg_tables
   WHERE schemaname = 'public' AND tablename NOT IN ('schema_version', 'membership')`,
)
const tables: string = rows[0]?.tables

afterAll(async () => {
  await store.close()
  await client.end()
  await drop()
})

storeContract({ name: 'PostgreSQL', open: openEmptied })

/** The same database for every check, emptied: making one takes longer than most checks. */
async function openEmptied(): Promise<Store> {
  await client.query(`TRUNCATE ${tables}`)
  return { ...store, close: async () => {} }
}
