import { CALLBACK_NAMES } from '../../core/callback.ts'
import type { EpochMs } from '../../core/units.ts'
import { KEY_LIFETIME_MS, RECEIVER_REPORT_LIFETIME_MS } from '../rows.ts'
import type { Deleted } from '../store.ts'
import { NOW, type StoreClock } from './clock.ts'
import type { Database } from './database.ts'

/** How many requests, and how many keys, one call takes: bounds the statement. */
const DELETED_MAX = 500

/**
 * Hides old requests, wholly and at once (`clear` takes away what they have left), and forgets what says
 * nothing any more: keys that were remembered long enough, gates that have opened, systems without a word,
 * flows without work, receivers of callbacks that were gone long ago, or of which nothing was told for long.
 * Flows that another has locked get work at this moment, and are not waited for: whoever adds to several
 * would wait for this in turn.
 */
const DELETE = `
  WITH old AS MATERIALIZED (
    SELECT seq, tenant, id, total FROM requests WHERE finished_at < ${NOW} - $2
    ORDER BY finished_at LIMIT ${DELETED_MAX} FOR UPDATE SKIP LOCKED
  ), hidden AS (
    UPDATE requests r SET state = 'receiving', receiving_until = 0, release_at = NULL,
      closing = NULL, finished_at = NULL
    FROM old WHERE r.seq = old.seq
  ), expired AS MATERIALIZED (
    SELECT tenant, key FROM idempotency_keys WHERE created_at < ${NOW} - ${KEY_LIFETIME_MS}
    ORDER BY created_at LIMIT ${DELETED_MAX} FOR UPDATE SKIP LOCKED
  ), remembered AS (
    UPDATE idempotency_keys k SET total = old.total FROM old
    WHERE k.tenant = old.tenant AND k.request = old.id
      AND NOT EXISTS (SELECT 1 FROM expired e WHERE e.tenant = k.tenant AND e.key = k.key)
  ), forgotten AS (
    DELETE FROM idempotency_keys k USING expired e WHERE k.tenant = e.tenant AND k.key = e.key
  ), opened AS (
    UPDATE systems SET state = NULL, until = NULL, reason = NULL
    WHERE state = 'throttled' AND until < ${NOW}
  ), enabled AS (
    DELETE FROM disabled_callbacks WHERE at < ${NOW} - $2
  ), plain AS (
    DELETE FROM systems
    WHERE state IS NULL AND concurrency IS NULL AND rate IS NULL AND paused = 0
  ), untold AS MATERIALIZED (
    SELECT system, worker FROM reports
    WHERE system > '${CALLBACK_NAMES.from}' AND system < '${CALLBACK_NAMES.to}'
      AND (report::json ->> 'at')::bigint < ${NOW} - ${RECEIVER_REPORT_LIFETIME_MS}
    FOR UPDATE SKIP LOCKED
  ), silent AS (
    DELETE FROM reports r USING untold u WHERE r.system = u.system AND r.worker = u.worker
  ), idle AS MATERIALIZED (
    SELECT lane, tenant, priority FROM flows WHERE requests <= 0 AND mappings <= 0
    FOR UPDATE SKIP LOCKED
  ), emptied AS (
    DELETE FROM flows f USING idle i
    WHERE f.lane = i.lane AND f.tenant = i.tenant AND f.priority = i.priority
  )
  SELECT (SELECT count(*) FROM old) AS requests, (SELECT count(*) FROM expired) AS keys`

/** Deletes what is old: safe to do at any time, on any node, and on several at once. */
export function deleteOperations(database: Database, clock: StoreClock) {
  async function deleteOld(now: EpochMs, retainedSince: EpochMs): Promise<Deleted> {
    const parameters = [clock.given(now), now - retainedSince]
    const [row] = await database.query<{ requests: number; keys: number }>(DELETE, parameters)
    if (row === undefined) throw new Error('counts are one row')
    const { requests, keys } = row
    return { requests, more: requests === DELETED_MAX || keys === DELETED_MAX }
  }

  return { deleteOld }
}
