import { EXPIRED, firstOpen } from '../../core/closed.ts'
import type { Request } from '../../core/request.ts'
import type { EpochMs } from '../../core/units.ts'
import { type RequestRow, toRequest } from '../rows.ts'
import type { WorkHint } from '../store.ts'
import { hintCallbacks } from './callbacks.ts'
import type { StoreClock } from './clock.ts'
import { COUNT } from './count.ts'
import type { Database } from './database.ts'
import { GROUP } from './failures.ts'
import { closeFlowsAndTell } from './finish.ts'

const OPEN = 'b.count - b.completed - b.failed - b.cancelled'

/** Those of the given batches that a closed request has open, and nobody in hand. */
const unheld = (batches: string) => `
  batches b JOIN requests r ON r.seq = b.request
  WHERE b.id = ANY (${batches}::bigint[]) AND b.state <> 'leased'
    AND r.closing IS NOT NULL`

/** Ends them: what is open of them is counted, and no verdicts are written for it. */
const END = `
  WITH held AS MATERIALIZED (
    SELECT b.id, b.request, b.lane, b.completed, b.failed, b.cancelled, 'done' AS state,
      0::bigint AS more_completed,
      CASE r.closing WHEN 'expired' THEN ${OPEN} ELSE 0 END AS more_failed,
      CASE r.closing WHEN 'cancelled' THEN ${OPEN} ELSE 0 END AS more_cancelled
    FROM ${unheld('$2')} ORDER BY b.id FOR UPDATE OF b
  ), gone AS (
    DELETE FROM batches b USING held h WHERE b.id = h.id
  ), written AS (
    INSERT INTO verdicts AS v (batch, completed, failed, cancelled)
    SELECT id, completed, failed + more_failed, cancelled + more_cancelled FROM held
    ON CONFLICT (batch) DO UPDATE SET failed = excluded.failed, cancelled = excluded.cancelled
  ), ${COUNT(closeFlowsAndTell)}, failing AS MATERIALIZED (
    SELECT h.request, h.lane AS target, '${EXPIRED.code}' AS code, 0::bigint AS http_status,
      sum(h.more_failed)::bigint AS count, coalesce(min(s.sample), '') AS sample,
      '${EXPIRED.message}' AS message
    FROM held h LEFT JOIN unnest($3::bigint[], $4::text[], $5::text[]) AS s (request, lane, sample)
      ON s.request = h.request AND s.lane = h.lane
    WHERE h.more_failed > 0 GROUP BY h.request, h.lane
  ), ${GROUP}
  SELECT * FROM counted WHERE open = 0`

/** One of them for each lane of which nothing has expired yet. */
const FIRST = `
  SELECT f.request, f.lane, p.mappings, v.verdicts
  FROM (
    SELECT DISTINCT ON (b.request, b.lane) b.id, b.request, b.lane FROM ${unheld('$1')}
      AND r.closing = 'expired' AND ${OPEN} > 0
      AND NOT EXISTS (SELECT 1 FROM failure_groups g WHERE g.request = b.request
        AND g.target = b.lane AND g.code = '${EXPIRED.code}' AND g.http_status = 0)
    ORDER BY b.request, b.lane, b.id
  ) f JOIN payloads p ON p.batch = f.id LEFT JOIN verdicts v ON v.batch = f.id`

/** The next batches of closed requests, in order of their ordinals, so many of each. */
const NEXT = `
  SELECT c.seq, p.batch, p.first
  FROM unnest($1::bigint[], $2::bigint[]) AS c (seq, start) CROSS JOIN LATERAL (
    SELECT batch, first FROM payloads WHERE request = c.seq AND first >= c.start
    ORDER BY first LIMIT $3
  ) p`

/** Unless another node, or a rescue, has moved them meanwhile. */
const ADVANCE = `
  WITH moved AS MATERIALIZED (
    SELECT r.seq, g.next
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS g (seq, start, next)
      JOIN requests r ON r.seq = g.seq AND r.closing_from = g.start
    ORDER BY r.seq FOR UPDATE OF r
  )
  UPDATE requests r SET closing_from = m.next FROM moved m WHERE r.seq = m.seq`

interface FirstRow {
  readonly request: number
  readonly lane: string
  readonly mappings: string
  readonly verdicts: string | null
}

/**
 * Ends batches of closed requests. What is open of them is counted, and nothing is written for it.
 *
 * @param hint told of every lane that got a callback, after the transaction is committed
 */
export function closeOperations(
  database: Database,
  clock: StoreClock,
  hint: (hint: WorkHint) => void,
) {
  /** Ends those of these batches that are of closed requests, and that nobody has in hand. */
  async function end(batches: readonly number[], now: EpochMs): Promise<readonly Request[]> {
    if (batches.length === 0) return []
    const first = await database.query<FirstRow>(FIRST, [batches])
    const rows = await database.query<RequestRow>(END, [
      clock.given(now),
      batches,
      first.map(({ request }) => request),
      first.map(({ lane }) => lane),
      first.map(({ mappings, verdicts }) => firstOpen(mappings, verdicts)),
    ])
    const finished = rows.map(toRequest)
    hintCallbacks(finished, hint)
    return finished
  }

  /** Goes on through the batches of closed requests, and looks at no more than `max` of each. */
  async function endNext(
    rows: readonly RequestRow[],
    max: number,
    now: EpochMs,
  ): Promise<readonly Request[]> {
    const seqs = rows.map(({ seq }) => seq)
    const starts = rows.map((row) => row.closing_from ?? 0)
    const next = await database.query<{ seq: number; batch: number; first: number }>(NEXT, [
      ...[seqs, starts, max],
    ])
    const bySeq = Map.groupBy(next, ({ seq }) => seq)
    const finished = await end(
      next.map(({ batch }) => batch),
      now,
    )
    const nexts = seqs.map((seq) => {
      const batches = bySeq.get(seq) ?? []
      const last = batches.length < max ? undefined : batches.at(-1)
      return last === undefined ? null : last.first + 1
    })
    await database.query(ADVANCE, [seqs, starts, nexts])
    return finished
  }

  return { end, endNext }
}
