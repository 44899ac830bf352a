import { afterAll } from 'vitest'
import { openPostgresStore } from '../../src/store/postgres/store.ts'
import type { Store } from '../../src/store/store.ts'
import { emptyTables, postgresDatabase } from '../support/postgres.ts'
import { storeContract } from './store.contract.ts'

const { url, drop } = await postgresDatabase()
const store = await openPostgresStore({
  url,
  listenUrl: null,
  connections: 10,
  migrate: true,
  clock: 'caller',
})

afterAll(async () => {
  await store.close()
  await drop()
})

storeContract({ name: 'PostgreSQL', open: openEmptied })

/** The same database for every check, emptied: making one takes longer than most checks. */
async function openEmptied(): Promise<Store> {
  await emptyTables(url)
  return { ...store, close: async () => {} }
}
