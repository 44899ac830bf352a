import type { EpochMs } from '../../core/units.ts'
import { NOW, type StoreClock } from './clock.ts'
import type { Database } from './database.ts'

/** How many batches one call clears away: bounds the transaction. */
const CLEARED_MAX = 500

/** From here on nothing more of it can come, and its key is free. */
const GIVE_UP = `
  WITH late AS MATERIALIZED (
    SELECT seq, tenant, id FROM requests WHERE receiving_until > 0 AND receiving_until < ${NOW}
    ORDER BY seq FOR UPDATE SKIP LOCKED
  ), gone AS (
    UPDATE requests r SET receiving_until = 0 FROM late WHERE r.seq = late.seq
  )
  DELETE FROM idempotency_keys k USING late WHERE k.tenant = late.tenant AND k.request = late.id`

const CLEAR = `
  WITH gone AS MATERIALIZED (
    SELECT seq FROM requests WHERE receiving_until = 0 ORDER BY seq LIMIT 1 FOR UPDATE SKIP LOCKED
  ), parts AS MATERIALIZED (
    SELECT batch FROM payloads WHERE request = (SELECT seq FROM gone)
    ORDER BY first, batch LIMIT ${CLEARED_MAX}
  ), stored AS (
    DELETE FROM payloads p USING parts WHERE p.batch = parts.batch
  ), settled AS (
    DELETE FROM verdicts v USING parts WHERE v.batch = parts.batch
  ), queued AS (
    DELETE FROM batches b USING parts WHERE b.id = parts.batch
  ), bare AS MATERIALIZED (
    SELECT seq FROM gone WHERE (SELECT count(*) FROM parts) < ${CLEARED_MAX}
  ), grouped AS (
    DELETE FROM failure_groups g USING bare WHERE g.request = bare.seq
  ), opened AS (
    DELETE FROM request_lanes l USING bare WHERE l.request = bare.seq
  ), released AS (
    DELETE FROM releases l USING bare WHERE l.request = bare.seq
  ), deleted AS (
    DELETE FROM requests r USING bare WHERE r.seq = bare.seq
  )
  SELECT seq FROM gone`

/**
 * Clears away, a piece at a time, the requests that nobody sees any more: uploads that were given up,
 * and what was deleted. Autovacuum makes room of it.
 */
export function clearOperations(database: Database, clock: StoreClock) {
  async function clear(now: EpochMs): Promise<boolean> {
    await database.query(GIVE_UP, [clock.given(now)])
    return (await database.query(CLEAR, [])).length > 0
  }

  return { clear }
}
