import type { DurationMs, EpochMs } from '../../core/units.ts'
import type { Sweep } from '../store.ts'
import { NOW, type StoreClock } from './clock.ts'
import type { Database } from './database.ts'
import { REGROUP } from './failures.ts'
import { closeFlowsAndTell, FINISH } from './finish.ts'

/** How much one sweep checks and deletes: it must not hold up the writes it stands between. */
const AUDITED_MAX = 20
const DELETED_MAX = 100

/** How long an Idempotency-Key is remembered. */
const KEY_LIFETIME_MS: DurationMs = 86_400_000

/**
 * Takes back what the dead hold, and what is leased to a worker that nobody knows: a claim that was
 * under way when its worker was given up.
 */
const RESCUE = `
  WITH dead AS (
    DELETE FROM workers WHERE deadline < ${NOW} RETURNING id
  ), forgotten AS (
    DELETE FROM reports r USING dead WHERE r.worker = dead.id
  ), held AS MATERIALIZED (
    SELECT b.id, b.worker FROM batches b
    WHERE b.state = 'leased' AND (b.worker IN (SELECT id FROM dead)
      OR NOT EXISTS (SELECT 1 FROM workers w WHERE w.id = b.worker))
    ORDER BY b.id FOR UPDATE OF b
  ), rescued AS (
    UPDATE batches b SET state = 'ready', worker = NULL, rescues = b.rescues + 1
    FROM held WHERE b.id = held.id
  )
  SELECT coalesce(dead.id, held.worker) AS worker, count(held.id) AS batches
  FROM dead FULL JOIN held ON held.worker = dead.id GROUP BY 1`

/**
 * Mends counters that disagree with the batches, and finishes what ought to be finished. Both are read
 * at one moment, without a lock, and whoever settles writes both at once: so they must agree. What
 * changed meanwhile is left for the next round.
 */
const AUDIT = `
  WITH audited AS MATERIALIZED (
    SELECT seq, completed, failed, cancelled, open FROM requests
    WHERE finished_at IS NULL AND state <> 'receiving' AND seq > $2
    ORDER BY seq LIMIT ${AUDITED_MAX}
  ), recount AS MATERIALIZED (
    SELECT a.seq, coalesce(sum(v.completed), 0)::bigint AS completed,
      coalesce(sum(v.failed), 0)::bigint AS failed,
      coalesce(sum(v.cancelled), 0)::bigint AS cancelled, count(b.id) AS open,
      (SELECT coalesce(sum(count), 0)::bigint FROM failure_groups WHERE request = a.seq) AS grouped
    FROM audited a JOIN payloads p ON p.request = a.seq
      LEFT JOIN verdicts v ON v.batch = p.batch LEFT JOIN batches b ON b.id = p.batch
    GROUP BY a.seq
  ), counted AS (
    UPDATE requests r
    SET completed = c.completed, failed = c.failed, cancelled = c.cancelled, open = c.open,
      ${FINISH('c.open', 'c.failed', 'c.cancelled')}
    FROM recount c JOIN audited a USING (seq)
    WHERE r.seq = c.seq AND r.finished_at IS NULL
      AND (r.completed, r.failed, r.cancelled, r.open)
        = (a.completed, a.failed, a.cancelled, a.open)
      AND (c.open = 0 OR c.grouped <> c.failed OR (r.completed, r.failed, r.cancelled, r.open)
        <> (c.completed, c.failed, c.cancelled, c.open))
    RETURNING r.*
  ), ${REGROUP}, ${closeFlowsAndTell(`
      SELECT NULL::text AS lane, NULL::text AS tenant, NULL::text AS priority, 0 AS requests,
        0 AS mappings WHERE false`)}
  SELECT (SELECT max(seq) FROM audited) AS last, (SELECT count(*) FROM audited) AS audited,
    ARRAY(SELECT id FROM counted) AS repaired`

/**
 * Has the batches of closed requests looked at again where some are left that nobody has in hand: they
 * were given back by a worker that died, or went, after they were looked at.
 */
const LOOK_AGAIN = `
  WITH held AS MATERIALIZED (
    SELECT request, count(*) AS batches FROM batches WHERE state = 'leased' GROUP BY request
  ), left_over AS MATERIALIZED (
    SELECT r.seq FROM requests r LEFT JOIN held h ON h.request = r.seq
    WHERE r.closing IS NOT NULL AND r.finished_at IS NULL AND r.closing_from IS NULL
      AND r.open > coalesce(h.batches, 0)
    ORDER BY r.seq FOR UPDATE OF r
  )
  UPDATE requests r SET closing_from = 0 FROM left_over l WHERE r.seq = l.seq`

/**
 * Hides old requests, wholly and at once (`clear` takes away what they have left), and deletes what says
 * nothing any more: gates that have opened, systems without a word, flows without work, receivers of
 * callbacks that were gone long ago.
 */
const DELETE = `
  WITH old AS MATERIALIZED (
    SELECT seq, tenant, id FROM requests WHERE finished_at < ${NOW} - $2
    ORDER BY finished_at LIMIT ${DELETED_MAX} FOR UPDATE SKIP LOCKED
  ), keyed AS (
    DELETE FROM idempotency_keys k USING old WHERE k.tenant = old.tenant AND k.request = old.id
  ), expired AS (
    DELETE FROM idempotency_keys WHERE created_at < ${NOW} - ${KEY_LIFETIME_MS}
  ), opened AS (
    UPDATE systems SET state = NULL, until = NULL, reason = NULL
    WHERE state = 'throttled' AND until < ${NOW}
  ), enabled AS (
    DELETE FROM disabled_callbacks WHERE at < ${NOW} - $2
  ), plain AS (
    DELETE FROM systems
    WHERE state IS NULL AND concurrency IS NULL AND rate IS NULL AND paused = 0
  ), idle AS (
    DELETE FROM flows WHERE requests <= 0 AND mappings <= 0
  )
  UPDATE requests r
  SET state = 'receiving', receiving_until = 0, release_at = NULL, closing = NULL, finished_at = NULL
  FROM old WHERE r.seq = old.seq RETURNING r.seq`

interface AuditRow {
  readonly last: number | null
  readonly audited: number
  readonly repaired: readonly string[]
}

/**
 * Takes back what the dead held, mends what does not add up, and deletes what is old: each a
 * transaction of its own, safe to do at any time, on any node, and on several at once.
 */
export function sweepOperations(database: Database, clock: StoreClock) {
  /** Where the audit goes on. It is only a place in a round: losing it costs nothing. */
  let after = 0

  async function audit(now: EpochMs): Promise<readonly string[]> {
    const [row] = await database.query<AuditRow>(AUDIT, [clock.given(now), after])
    if (row === undefined) throw new Error('a list of lists is one row')
    after = row.audited < AUDITED_MAX ? 0 : (row.last ?? 0)
    return row.repaired
  }

  async function sweep(now: EpochMs, retainedSince: EpochMs): Promise<Sweep> {
    const given = clock.given(now)
    const rescued = await database.query<Sweep['rescued'][number]>(RESCUE, [given])
    await database.query(LOOK_AGAIN, [])
    const repaired = await audit(now)
    const deleted = await database.query(DELETE, [given, now - retainedSince])
    return { rescued, repaired, deleted: deleted.length }
  }

  return { sweep }
}
