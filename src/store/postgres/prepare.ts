import type { DurationMs } from '../../core/units.ts'
import { sleep, stayAlive, systemClock } from '../../lib/clock.ts'
import { StoreUnavailable } from '../store.ts'
import { assertMigrated, migrate } from './migrate.ts'

/** How long after a look at a database that is away it is looked at again. */
const LOOK_EVERY_MS: DurationMs = 1000

export interface Preparation {
  /** Whether the first look found it, and it is ready. */
  readonly isThere: boolean
  /** Resolves when the database has the schema; rejects when people must do something first. */
  readonly ready: Promise<void>
  /** No longer waits for a database that is away: `ready` never ends then. */
  stop(): void
}

export interface PreparationOptions {
  readonly url: string
  /** Brings the database to this version's schema; or else only checks that it has it. */
  readonly migrate: boolean
  /** Told why the database cannot be reached, once for each reason. */
  readonly onAway: (message: string) => void
}

/**
 * Prepares a database. One that is away is waited for, and it keeps the process alive meanwhile:
 * whatever starts the two may start them in any order.
 *
 * @returns after the first look, whether the database was there or not
 * @throws Refusal when it does not let us in, or has another version's schema
 */
export async function prepare(options: PreparationOptions): Promise<Preparation> {
  const { url, onAway } = options
  let told = ''
  let stopped = false
  let letGo = () => {}

  async function look(): Promise<boolean> {
    try {
      await (options.migrate ? migrate(url) : assertMigrated(url))
      return true
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
      if (error.message !== told) onAway(error.message)
      told = error.message
      return false
    }
  }

  async function lookAgain(): Promise<void> {
    letGo = stayAlive()
    try {
      do await sleep(systemClock, LOOK_EVERY_MS)
      while (!stopped && !(await look()))
    } finally {
      letGo()
    }
    if (stopped) await new Promise(() => {})
  }

  const isThere = await look()
  const ready = isThere ? Promise.resolve() : lookAgain()
  ready.catch(() => {})
  return {
    isThere,
    ready,
    stop() {
      stopped = true
      letGo()
    },
  }
}
