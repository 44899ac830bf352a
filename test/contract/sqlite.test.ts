import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll } from 'vitest'
import { openMemoryStore } from '../../src/store/sqlite/memory.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import type { Store } from '../../src/store/store.ts'
import { storeContract } from './store.contract.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'sluice-contract-'))
const store = await openSqliteStore({ dataDir })
const database = new DatabaseSync(join(dataDir, 'sluice.db'), { timeout: 5000 })

afterAll(async () => {
  database.close()
  await store.close()
  rmSync(dataDir, { recursive: true })
})

storeContract({ name: 'SQLite in memory', open: openMemoryStore })
storeContract({ name: 'SQLite on a file, in its threads', open: openEmptied })

/** The same store for every check, emptied: starting its threads takes longer than most checks. */
async function openEmptied(): Promise<Store> {
  const tables = database
    .prepare(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`)
    .all()
  const deletes = tables.map(({ name }) => `DELETE FROM ${name};`).join(' ')
  database.exec(`BEGIN IMMEDIATE; ${deletes} COMMIT`)
  return { ...store, close: async () => {} }
}
