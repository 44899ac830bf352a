import type { EpochMs } from '../../core/units.ts'
import { NOW, type StoreClock } from './clock.ts'
import type { Database } from './database.ts'

/**
 * How much one call clears away: so many requests, and of them so many batches, or mappings' texts of so
 * many bytes. It bounds the statement, and so does how far it looks in a request, in ordinals.
 */
const REQUESTS_MAX = 50
const BATCHES_MAX = 500
const BYTES_MAX = 4_000_000
const ORDINALS_MAX = 10_000

/** The first batch of a request: one look into an index, however many there are. */
const first = (request: string, which = 'true') => `
  SELECT batch, first FROM payloads WHERE request = ${request} AND ${which}
  ORDER BY first, batch LIMIT 1`

/**
 * Gives up what comes no more, whose key is free then, and clears away what is gone: any batches of it, and
 * with the last of them all the rest. How long a text is, is known without reading it.
 */
const CLEAR = `
  WITH late AS MATERIALIZED (
    SELECT seq, tenant, id FROM requests WHERE receiving_until > 0 AND receiving_until < ${NOW}
    ORDER BY seq FOR UPDATE SKIP LOCKED
  ), given_up AS (
    UPDATE requests r SET receiving_until = 0 FROM late WHERE r.seq = late.seq
  ), freed AS (
    DELETE FROM idempotency_keys k USING late WHERE k.tenant = late.tenant AND k.request = late.id
  ), gone AS MATERIALIZED (
    SELECT seq FROM requests WHERE receiving_until = 0
    ORDER BY seq LIMIT ${REQUESTS_MAX} FOR UPDATE SKIP LOCKED
  ), found AS MATERIALIZED (
    SELECT p.batch, p.bytes FROM gone g CROSS JOIN LATERAL (${first('g.seq')}) f CROSS JOIN LATERAL (
      SELECT batch, octet_length(mappings) AS bytes FROM payloads
      WHERE request = g.seq AND first >= f.first AND first < f.first + ${ORDINALS_MAX}
      LIMIT ${BATCHES_MAX}
    ) p LIMIT ${BATCHES_MAX}
  ), parts AS MATERIALIZED (
    SELECT batch FROM (
      SELECT batch, sum(bytes) OVER (ORDER BY batch) - bytes AS before FROM found) f
    WHERE before < ${BYTES_MAX}
  ), stored AS (
    DELETE FROM payloads p USING parts WHERE p.batch = parts.batch
  ), settled AS (
    DELETE FROM verdicts v USING parts WHERE v.batch = parts.batch
  ), queued AS (
    DELETE FROM batches b USING parts WHERE b.id = parts.batch
  ), bare AS MATERIALIZED (
    SELECT seq FROM gone g
    WHERE NOT EXISTS (${first('g.seq', 'batch <> ALL (ARRAY(SELECT batch FROM parts))')})
  ), grouped AS (
    DELETE FROM failure_groups g USING bare WHERE g.request = bare.seq
  ), opened AS (
    DELETE FROM request_lanes l USING bare WHERE l.request = bare.seq
  ), released AS (
    DELETE FROM releases l USING bare WHERE l.request = bare.seq
  ), deleted AS (
    DELETE FROM requests r USING bare WHERE r.seq = bare.seq
  )
  SELECT EXISTS (SELECT 1 FROM gone) OR EXISTS (SELECT 1 FROM late) AS more`

/**
 * Clears away, a piece at a time, the requests that nobody sees any more: uploads that were given up,
 * and what was deleted. Autovacuum makes room of it.
 */
export function clearOperations(database: Database, clock: StoreClock) {
  async function clear(now: EpochMs): Promise<boolean> {
    const [row] = await database.query<{ more: boolean }>(CLEAR, [clock.given(now)])
    return row?.more ?? false
  }

  return { clear }
}
