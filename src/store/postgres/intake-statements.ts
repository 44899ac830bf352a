import { nowOr } from './clock.ts'
import { flowOf, VIRTUAL_TIME } from './virtual-time.ts'

/**
 * How requests come in, whole groups at a time, as parallel arrays. `given` and `parts` number their
 * rows as they come, so that ids rise in the order of ordinals; they are narrow and kept, while texts
 * stream past them. Rows that others wait for, those of `flows`, come last, and in one order for all: that
 * of bytes, as in the table, and not that of the database's language, in which a parameter is compared.
 * A request expires so long after it was made, by the store's clock.
 */
export const INSERT = `
  WITH given AS MATERIALIZED (
    SELECT nextval('requests_seq_seq') AS seq, g.*
    FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[],
      $7::text[], $8::text[], $9::bigint[], $10::text[], $11::text[], $21::bigint[], $22::bigint[],
      $23::text[], $24::text[], $25::bigint[]) WITH ORDINALITY
      AS g (id, tenant, priority, total, created_at, metadata, lanes, sources, open,
        key, fingerprint, not_before, lifetime, callback_url, retry_of, now, place)
  ), keyed AS (
    INSERT INTO idempotency_keys (tenant, key, fingerprint, request, created_at)
    SELECT tenant, key, fingerprint, id, created_at FROM given WHERE key IS NOT NULL
    ORDER BY tenant, key
    ON CONFLICT (tenant, key) DO NOTHING RETURNING tenant, request
  ), fresh AS MATERIALIZED (
    SELECT * FROM given g
    WHERE key IS NULL OR EXISTS (SELECT 1 FROM keyed k WHERE k.tenant = g.tenant AND k.request = g.id)
  ), made AS (
    INSERT INTO requests (seq, id, tenant, priority, state, total, open, created_at, metadata, lanes,
      sources, not_before, expires_at, callback_url, retry_of, release_at)
    SELECT seq, id, tenant, priority, 'pending', total, open, created_at, metadata, lanes, sources,
      not_before, ${nowOr('now')} + lifetime, callback_url, retry_of, not_before
    FROM fresh
  ), parts AS MATERIALIZED (
    SELECT nextval('batches_id_seq') AS id, p.*
    FROM unnest($12::bigint[], $13::text[], $14::float8[], $15::float8[], $16::bigint[],
      $17::bigint[], $18::bigint[]) WITH ORDINALITY
      AS p (place, lane, start, rank, first, last, count, number)
  ), queued AS (
    INSERT INTO batches (id, request, lane, state, start, rank, count)
    SELECT p.id, f.seq, p.lane, CASE WHEN f.not_before IS NULL THEN 'ready' ELSE 'staged' END,
      p.start, p.rank, p.count
    FROM parts p JOIN fresh f USING (place)
  ), stored AS (
    INSERT INTO payloads (batch, request, lane, first, last, count, ordinals, mappings)
    SELECT p.id, f.seq, p.lane, p.first, p.last, p.count, t.ordinals, t.mappings
    FROM unnest($19::text[], $20::text[]) WITH ORDINALITY AS t (ordinals, mappings, number)
      JOIN parts p USING (number) JOIN fresh f USING (place)
  ), shares AS MATERIALIZED (
    SELECT f.seq, p.lane, f.tenant, f.priority, f.not_before, sum(p.count)::bigint AS mappings,
      count(*) OVER (PARTITION BY f.seq) AS lanes
    FROM parts p JOIN fresh f USING (place)
    GROUP BY f.seq, p.lane, f.tenant, f.priority, f.not_before
  ), opened AS (
    INSERT INTO request_lanes (request, lane, open)
    SELECT seq, lane, mappings FROM shares WHERE lanes > 1
  ), grown AS (
    INSERT INTO flows AS f (lane, tenant, priority, requests, mappings)
    SELECT lane, tenant, priority, count(*) FILTER (WHERE not_before IS NULL), sum(mappings)
    FROM shares
    GROUP BY lane, tenant, priority
    ORDER BY lane COLLATE "C", tenant COLLATE "C", priority COLLATE "C"
    ON CONFLICT (lane, tenant, priority) DO UPDATE
    SET requests = f.requests + excluded.requests, mappings = f.mappings + excluded.mappings
  )
  SELECT id, place FROM fresh`

/** One row for each lane that a request goes to, in their order. */
export const FIND_FLOWS = `
  SELECT coalesce(f.requests, 0) AS requests, ${VIRTUAL_TIME} AS start
  FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY
      AS g (lane, tenant, priority, number) ${flowOf('g')}
  ORDER BY g.number`

/** What a key was used for: its request, or what is remembered of one that was deleted. */
export const FIND_KEY = `
  SELECT k.request AS id, coalesce(k.total, r.total) AS total, k.fingerprint,
    CASE WHEN k.total IS NULL THEN r.receiving_until END AS receiving_until
  FROM idempotency_keys k LEFT JOIN requests r ON r.tenant = k.tenant AND r.id = k.request
  WHERE k.tenant = $1 AND k.key = $2`

export const FIND_REQUEST = 'SELECT * FROM requests WHERE tenant = $1 AND id = $2'
