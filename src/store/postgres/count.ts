/** What every statement has in common that counts what has become of mappings: settle, and close. */
import type { DurationMs } from '../../core/units.ts'
import { NOW } from './clock.ts'
import { type closeFlows, FINISH } from './finish.ts'

/** A request's speed is measured over this long at least, and mostly no longer than twice that. */
const PACE_MS: DurationMs = 5000
const IS_MARK_OLD = `r.marked_at <= ${NOW} - ${PACE_MS}`

/**
 * Counts rows of `held`: batches that are locked, with what each adds to the counters of its request,
 * and `done` for those that are open no more. Rows are locked in one order for all: batches by id,
 * requests by seq, flows by name, so nobody waits in a circle. What it gives to the statement is
 * `counted`, the requests as they are then.
 *
 * @param close takes it off the flows, and queues callbacks or not
 */
export const COUNT = (close: typeof closeFlows) => `changes AS MATERIALIZED (
    SELECT request, lane, sum(more_completed)::bigint AS completed, sum(more_failed)::bigint AS failed,
      sum(more_cancelled)::bigint AS cancelled, count(*) FILTER (WHERE state = 'done') AS done
    FROM held GROUP BY request, lane
  ), sums AS MATERIALIZED (
    SELECT request, sum(completed)::bigint AS completed, sum(failed)::bigint AS failed,
      sum(cancelled)::bigint AS cancelled, sum(done)::bigint AS done
    FROM changes GROUP BY request
  ), locked AS MATERIALIZED (
    SELECT r.seq FROM requests r JOIN sums s ON s.request = r.seq ORDER BY r.seq FOR UPDATE OF r
  ), counted AS (
    UPDATE requests r
    SET completed = r.completed + s.completed, failed = r.failed + s.failed,
      cancelled = r.cancelled + s.cancelled, open = r.open - s.done,
      ${FINISH('r.open - s.done', 'r.failed + s.failed', 'r.cancelled + s.cancelled')},
      earlier_at = CASE WHEN ${IS_MARK_OLD} THEN r.marked_at ELSE r.earlier_at END,
      earlier = CASE WHEN ${IS_MARK_OLD} THEN r.marked ELSE r.earlier END,
      marked = CASE WHEN ${IS_MARK_OLD} THEN r.completed + s.completed + r.failed + s.failed
        + r.cancelled + s.cancelled ELSE r.marked END,
      marked_at = CASE WHEN ${IS_MARK_OLD} THEN ${NOW} ELSE r.marked_at END
    FROM sums s JOIN locked l ON l.seq = s.request WHERE r.seq = s.request
    RETURNING r.*
  ), shrunk AS (
    UPDATE request_lanes l
    SET open = l.open - (c.completed + c.failed + c.cancelled)
    FROM changes c JOIN counted r ON r.seq = c.request
    WHERE l.request = c.request AND l.lane = c.lane AND r.open > 0
  ), ${close(`
      SELECT c.lane, r.tenant, r.priority, 0 AS requests,
        -(c.completed + c.failed + c.cancelled) AS mappings
      FROM changes c JOIN counted r ON r.seq = c.request`)}`
