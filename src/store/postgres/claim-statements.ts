import { PROBE_EVERY_MS } from '../../core/gate.ts'
import { OLDEST_EVERY } from '../../core/rank.ts'
import { NOW } from './clock.ts'

/** How many waiting batches of a lane one claim makes ready: bounds the transaction. */
const PROMOTE_MAX = 1000

/** How many batches of closed requests a lease passes over in a lane, until they are ended. */
const PASSED_MAX = 10_000

/** Leaves out those of the batches `f` that others have locked, and locks the others as far as they are read. */
const LOCKED = `CROSS JOIN LATERAL (
        SELECT FROM batches WHERE id = f.id AND state = 'ready' FOR UPDATE SKIP LOCKED
      ) l`

/** How the wanted lanes stand. Nothing of it is written, so a lane that has nothing costs no more. */
export const LOOK = `
  SELECT w.lane, s.*, ready.count, waiting.run_at AS due, ${NOW} AS at
  FROM unnest($3::text[]) AS w (lane)
    LEFT JOIN systems s ON s.system = w.lane
    LEFT JOIN LATERAL (
      SELECT count FROM batches b WHERE b.lane = w.lane AND b.state = 'ready'
      ORDER BY b.rank, b.id LIMIT 1
    ) ready ON true
    LEFT JOIN LATERAL (
      SELECT run_at FROM batches b WHERE b.lane = w.lane AND b.state = 'waiting'
      ORDER BY b.run_at LIMIT 1
    ) waiting ON true
  WHERE EXISTS (SELECT 1 FROM workers WHERE id = $2)`

/** Safe to do at any time, by anyone, and again: so it needs no part in the claim's transaction. */
export const PROMOTE = `
  WITH due AS MATERIALIZED (
    SELECT b.id FROM unnest($2::text[]) AS w (lane) CROSS JOIN LATERAL (
      SELECT id FROM batches WHERE lane = w.lane AND state = 'waiting' AND run_at <= ${NOW}
      ORDER BY run_at LIMIT ${PROMOTE_MAX} FOR UPDATE SKIP LOCKED
    ) b
  )
  UPDATE batches b SET state = 'ready', run_at = NULL FROM due WHERE b.id = due.id`

/**
 * Leases batches of all wanted lanes. Of each lane it locks the `picks` of lowest rank and the
 * `oldest` oldest, those that others have locked left out; gives each the turn at which it goes, the
 * earlier where it has two; and leases by turn until the wanted mappings are there. What was locked
 * beyond them is let go of at the end. The locking stands in CTEs that are materialised: PostgreSQL
 * may run a sub-select with a LIMIT more than once, and would lease more than it says.
 *
 * Batches of closed requests are passed over, so many of a lane: what stands behind more of them waits until
 * they are ended, and no claim goes through a million of them. What is passed over is not locked.
 *
 * The right to probe a lane is taken with the row of its system, so that of two only one has it.
 *
 * Requests are looked up one by one: what the planner knows of a table is old, and by it the pending ones, or
 * all there are, may seem fewer than those that are leased.
 *
 * Rows are locked as they are then, and read beside it as they were when the statement began. Whatever was
 * leased and let go of in between has other verdicts by now: its token has risen by more than one.
 */
export const LEASE = `
  WITH wanted AS MATERIALIZED (
    SELECT * FROM unnest($3::text[], $4::bigint[], $5::float8[], $6::bigint[], $7::bigint[],
      $8::bigint[], $9::boolean[]) AS w (lane, mappings, below, turn, picks, oldest, probe)
    WHERE EXISTS (SELECT 1 FROM workers WHERE id = $2)
  ), probes AS MATERIALIZED (
    SELECT system FROM systems
    WHERE system IN (SELECT lane FROM wanted WHERE probe) AND state IS NOT NULL AND until <= ${NOW}
    ORDER BY system FOR UPDATE
  ), closing AS MATERIALIZED (
    SELECT seq FROM requests WHERE closing IS NOT NULL AND finished_at IS NULL
  ), open AS MATERIALIZED (
    SELECT * FROM wanted WHERE NOT probe OR lane IN (SELECT system FROM probes)
  ), ranked AS MATERIALIZED (
    SELECT b.id, b.count, o.lane, o.mappings, o.turn,
      row_number() OVER (PARTITION BY o.lane ORDER BY b.rank, b.id) - 1 AS nth
    FROM open o CROSS JOIN LATERAL (
      SELECT f.id, f.count, f.rank
      FROM (
        SELECT * FROM batches WHERE lane = o.lane AND state = 'ready' AND rank < o.below
        ORDER BY rank, id LIMIT o.picks + ${PASSED_MAX}
      ) f ${LOCKED}
      WHERE f.request NOT IN (SELECT seq FROM closing)
      ORDER BY f.rank, f.id LIMIT o.picks
    ) b
  ), aged AS MATERIALIZED (
    SELECT b.id, b.count, o.lane, o.mappings, o.turn,
      row_number() OVER (PARTITION BY o.lane ORDER BY b.id) - 1 AS nth
    FROM open o CROSS JOIN LATERAL (
      SELECT f.id, f.count
      FROM (
        SELECT * FROM batches WHERE lane = o.lane AND state = 'ready'
        ORDER BY id LIMIT o.oldest + ${PASSED_MAX}
      ) f ${LOCKED}
      WHERE f.request NOT IN (SELECT seq FROM closing)
      ORDER BY f.id LIMIT o.oldest
    ) b
  ), turns AS (
    SELECT id, count, lane, mappings,
      nth + floor((turn % ${OLDEST_EVERY} + nth) / ${OLDEST_EVERY - 1}.0) AS at
    FROM ranked
    UNION ALL
    SELECT id, count, lane, mappings,
      nth * ${OLDEST_EVERY} + ${OLDEST_EVERY - 1} - turn % ${OLDEST_EVERY}
    FROM aged
  ), picked AS (
    SELECT id, min(at) AS at, mappings,
      sum(count) OVER (PARTITION BY lane ORDER BY min(at)) - count AS before
    FROM turns GROUP BY id, count, lane, mappings
  ), chosen AS MATERIALIZED (
    SELECT id, at FROM picked WHERE before < mappings
  ), leased AS (
    UPDATE batches b SET state = 'leased', worker = $2, token = b.token + 1
    FROM chosen c WHERE b.id = c.id
    RETURNING b.id, b.token, b.request AS seq, b.lane, b.rank, b.rescues, c.at
  ), beginning AS MATERIALIZED (
    SELECT r.seq FROM (SELECT DISTINCT seq FROM leased ORDER BY seq) l CROSS JOIN LATERAL (
      SELECT seq FROM requests WHERE seq = l.seq AND state = 'pending' FOR UPDATE
    ) r
  ), begun AS (
    UPDATE requests r
    SET state = 'in_progress', started_at = ${NOW}, marked_at = ${NOW}, earlier_at = ${NOW}
    FROM beginning b WHERE r.seq = b.seq
  ), delayed AS (
    UPDATE systems s SET until = ${NOW} + ${PROBE_EVERY_MS}
    FROM probes p WHERE s.system = p.system AND p.system IN (SELECT lane FROM leased)
  )
  SELECT l.*, r.id AS request, r.tenant, r.metadata, v.verdicts,
    r.callback_url IS NOT NULL AS callback, p.first, p.last, p.count, p.ordinals, p.mappings,
    b.token + 1 < l.token AS "isStale"
  FROM leased l JOIN payloads p ON p.batch = l.id JOIN batches b ON b.id = l.id
    LEFT JOIN verdicts v ON v.batch = l.id
    CROSS JOIN LATERAL (SELECT * FROM requests WHERE seq = l.seq LIMIT 1) r
  ORDER BY l.lane, l.at`

/** Of batches that are leased to whoever asks: nobody else writes them now. */
export const VERDICTS = 'SELECT batch, verdicts FROM verdicts WHERE batch = ANY ($1::bigint[])'
