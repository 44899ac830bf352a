/** The simulated worlds on the PostgreSQL store: slower by far, so fewer of them. */
import { afterAll, describe, expect, test } from 'vitest'
import { migrate } from '../../src/store/postgres/migrate.ts'
import { postgresStore } from '../../src/store/postgres/store.ts'
import { emptyTables, postgresDatabase } from '../support/postgres.ts'
import { simulateOn } from './world.ts'

const SEEDS = 20

const { url, drop } = await postgresDatabase()
await migrate(url)
afterAll(drop)

describe('in every simulated world on PostgreSQL', () => {
  test(`the promises hold (${SEEDS} seeds)`, { timeout: 300_000 }, async () => {
    const first = Number(process.env['SIMULATION_SEED'] ?? 1)
    for (let seed = first; seed < first + SEEDS; seed++) {
      expect(await simulated(seed), `seed ${seed}`).toEqual([])
    }
  })
})

/** On one connection, so that statements follow each other as their calls were made. */
async function simulated(seed: number): Promise<readonly string[]> {
  await emptyTables(url)
  const store = postgresStore({ url, listenUrl: null, connections: 1, clock: 'caller' })
  try {
    return await simulateOn(store, seed)
  } finally {
    await store.close()
  }
}
