/** How requests come in that come in pieces. Each statement may be run again when its answer was lost. */
import { NOW } from './clock.ts'

export const OPEN = `
  WITH keyed AS (
    INSERT INTO idempotency_keys (tenant, key, fingerprint, request, created_at)
    SELECT $3, $11, '', $2, $5 WHERE $11::text IS NOT NULL
    ON CONFLICT (tenant, key) DO NOTHING RETURNING request
  )
  INSERT INTO requests (id, tenant, priority, state, total, open, created_at, metadata, lanes, sources,
    not_before, expires_at, callback_url, retry_of, receiving_until)
  SELECT $2, $3, $4, 'receiving', 0, 0, $5, $6, '[]', '{}', $7, ${NOW} + $8, $9, $10, ${NOW} + $12
  WHERE $11::text IS NULL OR EXISTS (SELECT 1 FROM keyed)
  RETURNING id`

/**
 * Locks the request, so that of two that are sent at once, the same or another, one waits for the other.
 * What is given back is the total as it was before.
 */
const stage = (rejected: string) => `
  WITH receiving AS MATERIALIZED (
    SELECT seq, total, total = $5 AS is_new FROM requests
    WHERE tenant = $2 AND id = $3 AND receiving_until > 0 FOR UPDATE
  ), grown AS (
    UPDATE requests r
    SET total = r.total + CASE WHEN g.is_new THEN $6::bigint ELSE 0 END,
      open = r.open + CASE WHEN g.is_new THEN $7::bigint ELSE 0 END,
      failed = r.failed + CASE WHEN g.is_new THEN $15::bigint ELSE 0 END,
      receiving_until = greatest(r.receiving_until, ${NOW} + $4)
    FROM receiving g WHERE r.seq = g.seq
  ), parts AS MATERIALIZED (
    SELECT nextval('batches_id_seq') AS id, g.seq, p.*
    FROM receiving g CROSS JOIN unnest($8::text[], $9::float8[], $10::bigint[], $11::bigint[],
      $12::bigint[]) WITH ORDINALITY AS p (lane, before, first, last, count, number)
    WHERE g.is_new
  ), queued AS (
    INSERT INTO batches (id, request, lane, state, start, rank, count)
    SELECT id, seq, lane, 'staged', before, before + count, count FROM parts
  ), stored AS (
    INSERT INTO payloads (batch, request, lane, first, last, count, ordinals, mappings)
    SELECT p.id, p.seq, p.lane, p.first, p.last, p.count, t.ordinals, t.mappings
    FROM unnest($13::text[], $14::text[]) WITH ORDINALITY AS t (ordinals, mappings, number)
      JOIN parts p USING (number)
  )${rejected}
  SELECT total FROM receiving`

export const STAGE = stage('')

/** The same with what is not taken: it is done, so it is not among the batches, and counted as failed. */
export const STAGE_REJECTED = stage(`, bad AS MATERIALIZED (
    SELECT nextval('batches_id_seq') AS id, g.seq, p.*
    FROM receiving g CROSS JOIN unnest($16::text[], $17::bigint[], $18::bigint[], $19::bigint[],
      $20::text[], $21::text[], $22::text[], $23::text[], $24::text[], $25::text[]) WITH ORDINALITY
      AS p (lane, first, last, count, ordinals, mappings, verdicts, code, sample, message, number)
    WHERE g.is_new
  ), kept AS (
    INSERT INTO payloads (batch, request, lane, first, last, count, ordinals, mappings)
    SELECT id, seq, lane, first, last, count, ordinals, mappings FROM bad
  ), settled AS (
    INSERT INTO verdicts (batch, completed, failed, cancelled, verdicts)
    SELECT id, 0, count, 0, verdicts FROM bad
  ), grouped AS (
    INSERT INTO failure_groups AS f (request, target, code, http_status, count, sample, message)
    SELECT seq, lane, code, 0, sum(count)::bigint, (array_agg(sample ORDER BY number))[1],
      (array_agg(message ORDER BY number DESC))[1]
    FROM bad GROUP BY seq, lane, code
    ON CONFLICT (request, target, code, http_status) DO UPDATE
    SET count = f.count + excluded.count, message = excluded.message
  )`)

export const COMPLETE = `
  WITH whole AS (
    UPDATE requests SET state = 'pending', receiving_until = NULL, release_at = coalesce(not_before, 0),
      lanes = $4, sources = $5
    WHERE tenant = $1 AND id = $2 AND receiving_until > 0 AND total = $3
    RETURNING seq, tenant, id, priority
  ), named AS (
    UPDATE idempotency_keys k SET fingerprint = $6 FROM whole w
    WHERE k.tenant = w.tenant AND k.request = w.id AND $6::text IS NOT NULL
  ), parts AS MATERIALIZED (
    SELECT w.seq, w.tenant, w.priority, p.lane, p.mappings
    FROM whole w CROSS JOIN unnest($7::text[], $8::bigint[]) AS p (lane, mappings)
  ), opened AS (
    INSERT INTO request_lanes (request, lane, open)
    SELECT seq, lane, mappings FROM parts WHERE cardinality($7::text[]) > 1
  ), grown AS (
    INSERT INTO flows AS f (lane, tenant, priority, requests, mappings)
    SELECT lane, tenant, priority, 0, mappings FROM parts ORDER BY lane COLLATE "C"
    ON CONFLICT (lane, tenant, priority) DO UPDATE SET mappings = f.mappings + excluded.mappings
  )
  SELECT seq FROM whole`

export const FIND_RECEIVING =
  'SELECT total, receiving_until FROM requests WHERE tenant = $1 AND id = $2'

export const ABANDON = `
  WITH gone AS (
    UPDATE requests SET receiving_until = 0 WHERE tenant = $1 AND id = $2 AND receiving_until > 0
    RETURNING tenant, id
  )
  DELETE FROM idempotency_keys k USING gone g WHERE k.tenant = g.tenant AND k.request = g.id`
