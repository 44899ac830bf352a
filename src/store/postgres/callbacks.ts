import {
  CALLBACK_LIFETIME_MS,
  CALLBACK_NAMES,
  CALLBACK_ORIGIN,
  CALLBACK_SOURCE,
  callbackLane,
  type Endpoint,
} from '../../core/callback.ts'
import type { Request } from '../../core/request.ts'
import type { EpochMs } from '../../core/units.ts'
import type { WorkHint } from '../store.ts'
import { NOW, type StoreClock } from './clock.ts'
import type { Database } from './database.ts'
import { flowOf, stepOf, VIRTUAL_TIME } from './virtual-time.ts'

/** A finished request as the port has it. */
const REQUEST = `json_build_object('id', r.id, 'tenant', r.tenant, 'priority', r.priority,
  'state', r.state, 'total', r.total, 'completed', r.completed, 'failed', r.failed,
  'cancelled', r.cancelled, 'createdAt', r.created_at, 'startedAt', r.started_at,
  'finishedAt', r.finished_at, 'metadata', r.metadata::json, 'terms', json_build_object(
    'notBefore', r.not_before, 'expiresAt', r.expires_at, 'callbackUrl', r.callback_url,
    'retryOf', r.retry_of), 'closing', r.closing, 'pace', NULL)`

/**
 * Queues the callbacks of requests that a statement has finished, rows of `counted`, as `callbackOf` has
 * them. What they add to their flows is the caller's to write: `callbacks`, one of one mapping each. Two
 * that come at the same moment may not know of each other, and get the same rank. A request that an
 * audit finishes again has its callback already.
 */
export const QUEUE_CALLBACKS = `
  telling AS MATERIALIZED (
    SELECT r.seq AS told, r.id, r.priority, ${stepOf('r.priority')} AS step, r.finished_at AS at,
      '${CALLBACK_NAMES.from}' || r.tenant AS tenant,
      '${CALLBACK_NAMES.from}' || substring(r.callback_url FROM '${CALLBACK_ORIGIN}') AS lane,
      json_build_object('ids', json_build_array(r.id), 'source', '${CALLBACK_SOURCE}', 'data',
        json_build_object('0', ${REQUEST}))::text AS mappings
    FROM counted r
    WHERE r.open = 0 AND r.callback_url IS NOT NULL AND NOT EXISTS (SELECT 1 FROM requests c
      WHERE c.tenant = '${CALLBACK_NAMES.from}' || r.tenant AND c.id = r.id)
  ), callbacks AS MATERIALIZED (
    SELECT nextval('requests_seq_seq') AS seq, nextval('batches_id_seq') AS batch, t.*,
      ${VIRTUAL_TIME} AS start,
      coalesce(f.requests, 0) + row_number() OVER (
        PARTITION BY t.lane, t.tenant, t.priority ORDER BY t.told) AS place
    FROM telling t ${flowOf('t')}
  ), callback_requests AS (
    INSERT INTO requests (seq, id, tenant, priority, state, total, open, created_at, metadata, lanes,
      sources, expires_at)
    SELECT seq, id, tenant, priority, 'pending', 1, 1, at, '{}', json_build_array(lane)::text, '{}',
      at + ${CALLBACK_LIFETIME_MS}
    FROM callbacks
  ), callback_batches AS (
    INSERT INTO batches (id, request, lane, state, start, rank, count)
    SELECT batch, seq, lane, 'ready', start, start + place * step, 1 FROM callbacks
  ), callback_payloads AS (
    INSERT INTO payloads (batch, request, lane, first, last, count, mappings)
    SELECT batch, seq, lane, 0, 0, 1, mappings FROM callbacks
  )`

/** Tells of the callbacks that were queued. Their rank is not known here: with 0, every worker looks. */
export function hintCallbacks(finished: readonly Request[], hint: (hint: WorkHint) => void): void {
  for (const { terms } of finished) {
    if (terms.callbackUrl !== null) hint({ lane: callbackLane(terms.callbackUrl), rank: 0 })
  }
}

const DISABLE = `
  INSERT INTO disabled_callbacks (tenant, url, lane, at) VALUES ($2, $3, $4, ${NOW})
  ON CONFLICT (tenant, url) DO UPDATE SET at = excluded.at`

/** Remembers which receivers of callbacks are gone. */
export function callbackOperations(database: Database, clock: StoreClock) {
  async function disableCallback({ tenant, url }: Endpoint, now: EpochMs): Promise<void> {
    await database.query(DISABLE, [clock.given(now), tenant, url, callbackLane(url)])
  }

  async function isCallbackDisabled({ tenant, url }: Endpoint): Promise<boolean> {
    const rows = await database.query(
      'SELECT 1 FROM disabled_callbacks WHERE tenant = $1 AND url = $2',
      [tenant, url],
    )
    return rows.length > 0
  }

  async function enableCallbacks(lane: string): Promise<number> {
    const rows = await database.query(
      'DELETE FROM disabled_callbacks WHERE lane = $1 RETURNING url',
      [lane],
    )
    return rows.length
  }

  return { disableCallback, isCallbackDisabled, enableCallbacks }
}
