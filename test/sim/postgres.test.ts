/** The simulated worlds on the PostgreSQL store: slower by far, so fewer of them. */
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { migrate } from '../../src/store/postgres/migrate.ts'
import { postgresStore } from '../../src/store/postgres/store.ts'
import { emptyTables, execute, postgresDatabase } from '../support/postgres.ts'
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

  test('a claim that does not raise the token is noticed', { timeout: 60_000 }, async () => {
    await execute(
      url,
      `CREATE FUNCTION keep_token() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN new.token := old.token; RETURN new; END $$;
       CREATE TRIGGER planted BEFORE UPDATE ON batches FOR EACH ROW EXECUTE FUNCTION keep_token()`,
    )
    onTestFinished(async () => {
      await execute(url, 'DROP TRIGGER planted ON batches; DROP FUNCTION keep_token')
    })
    let seed = 1
    while (seed < SEEDS && (await simulated(seed)).length === 0) seed += 1
    expect(seed).toBeLessThan(SEEDS)
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
