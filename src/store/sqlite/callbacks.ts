import type { DatabaseSync } from 'node:sqlite'
import { callbackLane, type Endpoint } from '../../core/callback.ts'
import type { EpochMs } from '../../core/units.ts'
import { prepare } from './database.ts'

/** Remembers which receivers of callbacks are gone. */
export function callbackOperations(database: DatabaseSync) {
  const insert = prepare(
    database,
    `INSERT INTO disabled_callbacks VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET at = excluded.at`,
  )
  const removeAll = prepare(database, 'DELETE FROM disabled_callbacks WHERE lane = ?')

  function disableCallback({ tenant, url }: Endpoint, now: EpochMs): void {
    insert.run(tenant, url, callbackLane(url), now)
  }

  function enableCallbacks(lane: string): number {
    return removeAll.run(lane)
  }

  return { disableCallback, enableCallbacks }
}
