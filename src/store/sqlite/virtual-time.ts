import type { DatabaseSync } from 'node:sqlite'
import { prepare } from './database.ts'

/**
 * Makes a function that tells a lane's virtual time, at which the ranks of a new request begin: where the
 * most urgent batch in hand, or else in the queue, starts.
 */
export function virtualTimeIn(database: DatabaseSync): (lane: string) => number {
  const leastLeased = prepare<{ start: number }>(
    database,
    `SELECT start FROM batches WHERE lane = ? AND state = 'leased' ORDER BY rank LIMIT 1`,
  )
  const leastReady = prepare<{ start: number }>(
    database,
    `SELECT start FROM batches WHERE lane = ? AND state = 'ready' ORDER BY rank, id LIMIT 1`,
  )
  return (lane) => (leastLeased.get(lane) ?? leastReady.get(lane))?.start ?? 0
}
