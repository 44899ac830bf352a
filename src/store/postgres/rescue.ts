import type { EpochMs } from '../../core/units.ts'
import type { Rescued } from '../store.ts'
import { NOW, type StoreClock } from './clock.ts'
import type { Database } from './database.ts'

/**
 * Takes back what the dead hold, and what is leased to a worker that nobody knows: a claim that was
 * under way when its worker was given up. Forgets what the dead, and those whom nobody knows, have told of
 * systems. Has the batches of closed requests looked at again where more are open than the living have in
 * hand: they were given back by a worker that died, or went, after they were looked at. Batches are locked
 * before requests, as everywhere.
 */
const RESCUE = `
  WITH dead AS (
    DELETE FROM workers WHERE deadline < ${NOW} RETURNING id
  ), forgotten AS (
    DELETE FROM reports r WHERE r.worker IN (SELECT id FROM dead)
      OR NOT EXISTS (SELECT 1 FROM workers w WHERE w.id = r.worker)
  ), held AS MATERIALIZED (
    SELECT b.id, b.worker FROM batches b
    WHERE b.state = 'leased' AND (b.worker IN (SELECT id FROM dead)
      OR NOT EXISTS (SELECT 1 FROM workers w WHERE w.id = b.worker))
    ORDER BY b.id FOR UPDATE OF b
  ), rescued AS (
    UPDATE batches b SET state = 'ready', worker = NULL, rescues = b.rescues + 1
    FROM held WHERE b.id = held.id
  ), in_hand AS MATERIALIZED (
    SELECT request, count(*) AS batches FROM batches
    WHERE state = 'leased' AND id NOT IN (SELECT id FROM held) GROUP BY request
  ), left_over AS MATERIALIZED (
    SELECT r.seq FROM requests r LEFT JOIN in_hand h ON h.request = r.seq
    WHERE r.closing IS NOT NULL AND r.finished_at IS NULL AND r.closing_from IS NULL
      AND r.open > coalesce(h.batches, 0)
    ORDER BY r.seq FOR UPDATE OF r
  ), looked_at AS (
    UPDATE requests r SET closing_from = 0 FROM left_over l WHERE r.seq = l.seq
  )
  SELECT coalesce(dead.id, held.worker) AS worker, count(held.id) AS batches
  FROM dead FULL JOIN held ON held.worker = dead.id GROUP BY 1`

/** Takes back what the dead held: safe to do at any time, on any node, and on several at once. */
export function rescueOperations(database: Database, clock: StoreClock) {
  async function rescue(now: EpochMs): Promise<readonly Rescued[]> {
    return database.query<Rescued>(RESCUE, [clock.given(now)])
  }

  return { rescue }
}
