import { AUDITED_ORDINALS, type AuditPlace, auditStep, type Counts } from '../../core/audit.ts'
import type { EpochMs } from '../../core/units.ts'
import type { Audited } from '../store.ts'
import type { StoreClock } from './clock.ts'
import type { Database } from './database.ts'
import { REGROUP } from './failures.ts'
import { closeFlowsAndTell, FINISH } from './finish.ts'

/**
 * The next open request, what it says, and what its batches from an ordinal on come to, at one moment. They
 * are bounded by their ordinals and not by their number, for the planner takes all for few that it has no
 * statistics of.
 */
const PIECE = `
  WITH next AS MATERIALIZED (
    SELECT seq, id, total, completed, failed, cancelled, open FROM requests
    WHERE finished_at IS NULL AND state <> 'receiving' AND seq >= $1
    ORDER BY seq LIMIT 1
  ), piece AS MATERIALIZED (
    SELECT seq, CASE WHEN seq = $1 THEN $2::bigint ELSE 0 END AS start FROM next
  ), counted AS (
    SELECT coalesce(sum(v.completed), 0)::bigint AS completed,
      coalesce(sum(v.failed), 0)::bigint AS failed,
      coalesce(sum(v.cancelled), 0)::bigint AS cancelled, count(b.id) AS open
    FROM payloads p LEFT JOIN verdicts v ON v.batch = p.batch LEFT JOIN batches b ON b.id = p.batch
    WHERE p.request = (SELECT seq FROM piece) AND p.first >= (SELECT start FROM piece)
      AND p.first < (SELECT start FROM piece) + ${AUDITED_ORDINALS}
  )
  SELECT n.seq, n.id, n.total, json_build_object('completed', n.completed, 'failed', n.failed, 'cancelled', n.cancelled,
      'open', n.open) AS said, row_to_json(c) AS counted,
    (SELECT coalesce(sum(count), 0)::bigint FROM failure_groups WHERE request = n.seq) AS grouped
  FROM next n CROSS JOIN counted c`

/**
 * Has a request say the truth, and finishes it where nothing of it is open, unless it has been counted on
 * since it was audited: then the next round will tell.
 */
const MEND = `
  WITH recount AS MATERIALIZED (
    SELECT $2::bigint AS seq, $3::bigint AS completed, $4::bigint AS failed, $5::bigint AS cancelled,
      $6::bigint AS open, $7::bigint AS grouped
  ), counted AS (
    UPDATE requests r
    SET completed = c.completed, failed = c.failed, cancelled = c.cancelled, open = c.open,
      ${FINISH('c.open', 'c.failed', 'c.cancelled')}
    FROM recount c
    WHERE r.seq = c.seq AND r.finished_at IS NULL
      AND (r.completed, r.failed, r.cancelled, r.open)
        = ($8::bigint, $9::bigint, $10::bigint, $11::bigint)
    RETURNING r.*
  ), ${REGROUP}, ${closeFlowsAndTell(`
      SELECT NULL::text AS lane, NULL::text AS tenant, NULL::text AS priority, 0 AS requests,
        0 AS mappings WHERE false`)}
  SELECT id FROM counted`

interface PieceRow {
  readonly seq: number
  readonly id: string
  readonly total: number
  readonly said: Counts
  readonly counted: Counts
  readonly grouped: number
}

/** Mends what does not add up: safe to do at any time, on any node, and on several at once. */
export function auditOperations(database: Database, clock: StoreClock) {
  async function audit(place: AuditPlace, now: EpochMs): Promise<Audited> {
    const [row] = await database.query<PieceRow>(PIECE, [place.request, place.from])
    if (row === undefined) return { next: null, repaired: null }
    const { seq, id, ...piece } = row
    const { said, grouped } = piece
    const { place: next, truth } = auditStep(place, { ...piece, request: seq })
    const isMended = truth !== null && (await mend(seq, { said, truth, grouped }, now))
    return { next, repaired: isMended ? id : null }
  }

  async function mend(
    seq: number,
    { said, truth, grouped }: { said: Counts; truth: Counts; grouped: number },
    now: EpochMs,
  ): Promise<boolean> {
    const parameters = [clock.given(now), seq, ...valuesOf(truth), grouped, ...valuesOf(said)]
    return (await database.query(MEND, parameters)).length > 0
  }

  return { audit }
}

function valuesOf({ completed, failed, cancelled, open }: Counts): readonly number[] {
  return [completed, failed, cancelled, open]
}
