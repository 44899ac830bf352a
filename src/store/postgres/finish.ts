/** What every statement that may finish a request has in common: settle, close, and audit. */
import { QUEUE_CALLBACKS } from './callbacks.ts'
import { NOW } from './clock.ts'

/** Sets a request's state and end when none of its batches is open. As core's `finalState` has it. */
export function FINISH(open: string, failed: string, cancelled: string): string {
  return `
    state = CASE WHEN ${open} > 0 THEN r.state WHEN ${failed} > 0 THEN 'failed'
      WHEN ${cancelled} > 0 THEN 'cancelled' ELSE 'completed' END,
    finished_at = CASE WHEN ${open} = 0 THEN ${NOW} END`
}

/**
 * Takes what was settled, and the requests that are finished, off their lanes' flows: rows of
 * `counted`, which are what an update of requests has written. A flow that is empty is left to the
 * sweep: one statement cannot write a row and delete it. Before its release a request does not count
 * among those of its flow.
 *
 * @param settled SQL that gives lane, tenant, priority, requests and mappings to add
 */
export function closeFlows(settled: string): string {
  return `closed AS (
    DELETE FROM request_lanes l USING counted r WHERE l.request = r.seq AND r.open = 0
  ), eased AS (
    INSERT INTO flows AS f (lane, tenant, priority, requests, mappings)
    SELECT lane, tenant, priority, sum(requests)::bigint, sum(mappings)::bigint
    FROM (${settled}
      UNION ALL
      SELECT l.lane, r.tenant, r.priority, CASE WHEN r.release_at IS NULL THEN -1 ELSE 0 END, 0
      FROM counted r CROSS JOIN LATERAL json_array_elements_text(r.lanes::json) AS l (lane)
      WHERE r.open = 0) changes
    GROUP BY lane, tenant, priority
    ORDER BY lane COLLATE "C", tenant COLLATE "C", priority COLLATE "C"
    ON CONFLICT (lane, tenant, priority) DO UPDATE
    SET requests = f.requests + excluded.requests, mappings = f.mappings + excluded.mappings
  )`
}

/** The same, and queues the callbacks of the requests that are finished. */
export function closeFlowsAndTell(settled: string): string {
  const queued = 'SELECT lane, tenant, priority, 1 AS requests, 1 AS mappings FROM callbacks'
  return `${QUEUE_CALLBACKS}, ${closeFlows(`${settled} UNION ALL ${queued}`)}`
}
