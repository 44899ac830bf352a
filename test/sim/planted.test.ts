import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { simulate } from './world.ts'

/** How many worlds a planted bug may survive before the checkers are called blind. */
const SEEDS = 300

/** A bug, as a change to one piece of the store's SQL. */
const BUGS = {
  'a settlement is taken whatever its token': [
    "WHERE id = ? AND token = ? AND state = 'leased'",
    "WHERE id = ? AND ? IS NOT NULL AND state = 'leased'",
  ],
  'a batch is counted anew each time it is written': [
    'SELECT request, lane, completed, failed, cancelled FROM batches',
    'SELECT request, lane, 0 AS completed, 0 AS failed, 0 AS cancelled FROM batches',
  ],
  'a failure is counted into its group each time it is written': [
    'SET count = count + ?, message = ?',
    'SET count = count + 1 + ?, message = ?',
  ],
  'the batches of a dead worker stay with it': [
    "rescues = rescues + 1\n     WHERE state = 'leased' AND worker = ?",
    "rescues = rescues + 1\n     WHERE state = 'leased' AND worker = ? AND 1 = 0",
  ],
  'a claim does not raise the token': ['token = token + 1', 'token = token'],
  'what the dead held of a cancelled request is forgotten': [
    'r.finished_at IS NULL AND r.closing_from IS NULL',
    'r.finished_at IS NULL AND r.closing_from IS NULL AND 1 = 0',
  ],
  'what a worker lets go of is not counted when its request is closed': [
    'count - completed - failed - cancelled AS open FROM batches WHERE id',
    '0 AS open FROM batches WHERE id',
  ],
  'batches of closed requests are given out': [
    'r.callback_url, r.closing\n',
    'r.callback_url, NULL AS closing\n',
  ],
  'workers do not hear of what was cancelled': [
    'SELECT tenant, id FROM requests WHERE closing IS NOT NULL',
    'SELECT tenant, id FROM requests WHERE closing IS NULL AND 1 = 0',
  ],
  'the time of a request is never over': ['WHERE expires_at <= ', 'WHERE 1 = 0 AND expires_at <= '],
  'the callback of a request that is finished is taken for queued': [
    'SELECT 1 FROM requests WHERE tenant = ? AND id = ?',
    'SELECT 1 WHERE ? IS NOT NULL AND ? IS NOT NULL',
  ],
  'workers that joined are not made room for': [
    'count(*) FILTER (WHERE seen < ?1 AND epoch < ?1) AS late',
    '0 AS late',
  ],
  'what is still being received is cleared away': [
    'FROM requests WHERE receiving_until = 0 ORDER BY seq',
    'FROM requests WHERE receiving_until >= 0 ORDER BY seq',
  ],
  'a piece of a request is ready before the whole is there': [
    `VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    `VALUES (?, ?, coalesce('ready', ?), ?, ?, ?, ?, ?)`,
  ],
  'a request is released before its time': [
    'WHERE release_at <= ? AND',
    'WHERE ? > 0 AND release_at IS NOT NULL AND',
  ],
} as const

class SpoiltDatabase extends DatabaseSync {
  readonly #from: string
  readonly #to: string
  planted = false

  constructor([from, to]: readonly [string, string]) {
    super(':memory:')
    this.#from = from
    this.#to = to
  }

  override prepare(sql: string): StatementSync {
    this.planted ||= sql.includes(this.#from)
    return super.prepare(sql.replace(this.#from, this.#to))
  }
}

describe('the simulation notices when', () => {
  for (const [bug, change] of Object.entries(BUGS)) {
    test(bug, { timeout: 60_000 }, async () => {
      expect(await seedsSurvived(change)).toBeLessThan(SEEDS)
    })
  }
})

async function seedsSurvived(change: readonly [string, string]): Promise<number> {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const database = new SpoiltDatabase(change)
    const violations = await simulate(seed, database)
    expect(database.planted, 'the SQL to be spoilt is in the store').toBe(true)
    if (violations.length > 0) return seed - 1
  }
  return SEEDS
}
