import type { EpochMs } from '../../core/units.ts'
import { type RequestRow, toRequest } from '../rows.ts'
import type { Settled, Settlement, WorkHint } from '../store.ts'
import { hintCallbacks } from './callbacks.ts'
import { NOW, type StoreClock } from './clock.ts'
import type { Database } from './database.ts'
import { closeFlows, closeFlowsAndTell, FINISH } from './finish.ts'

/** A request's speed is measured over this long at least, and mostly no longer than twice that. */
const PACE_MS = 5000
const IS_MARK_OLD = `r.marked_at <= ${NOW} - ${PACE_MS}`

/**
 * Every settlement of a group at once, as parallel arrays. Rows are locked in one order for all:
 * batches by id, requests by seq, flows by name, so nobody waits in a circle. What a row held before is
 * read under its lock (`held`), so a settlement counts once though it is written twice, even by a
 * statement that its caller has given up.
 */
const settleWith = (close: typeof closeFlows) => `
  WITH held AS MATERIALIZED (
    SELECT b.id, b.request, b.lane, g.state, g.delay, g.verdicts, g.completed, g.failed, g.cancelled,
      g.completed - b.completed AS more_completed, g.failed - b.failed AS more_failed,
      g.cancelled - b.cancelled AS more_cancelled
    FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[],
        $8::bigint[], $9::text[])
        AS g (batch, token, state, delay, completed, failed, cancelled, verdicts)
      JOIN batches b ON b.id = g.batch AND b.token = g.token AND b.state = 'leased'
    ORDER BY b.id FOR UPDATE OF b
  ), kept AS (
    UPDATE batches b
    SET state = h.state, completed = h.completed, failed = h.failed, cancelled = h.cancelled,
      run_at = CASE WHEN h.state = 'waiting' THEN ${NOW} + h.delay END,
      worker = CASE WHEN h.state = 'leased' THEN b.worker END
    FROM held h WHERE b.id = h.id AND h.state <> 'done'
  ), gone AS (
    DELETE FROM batches b USING held h WHERE b.id = h.id AND h.state = 'done'
  ), written AS (
    INSERT INTO verdicts AS v (batch, completed, failed, cancelled, verdicts)
    SELECT id, completed, failed, cancelled, verdicts FROM held
    ON CONFLICT (batch) DO UPDATE SET completed = excluded.completed, failed = excluded.failed,
      cancelled = excluded.cancelled, verdicts = coalesce(excluded.verdicts, v.verdicts)
  ), changes AS MATERIALIZED (
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
      FROM changes c JOIN counted r ON r.seq = c.request`)}
  SELECT h.written, r.*
  FROM (SELECT coalesce(array_agg(id), '{}') AS written FROM held) h
    LEFT JOIN (SELECT * FROM counted WHERE open = 0) r ON true`

/** Few requests have a callback: for the others, none has to be planned for. */
const SETTLE = settleWith(closeFlows)
const SETTLE_AND_TELL = settleWith(closeFlowsAndTell)

type SettledRow = { readonly written: readonly number[] } & (RequestRow | { readonly seq: null })

/**
 * Writes what became of leased batches, counts it, and finishes requests.
 *
 * @param hint told of every lane that got a callback, after the transaction is committed
 */
export function settleOperations(
  database: Database,
  clock: StoreClock,
  hint: (hint: WorkHint) => void,
) {
  async function write(settlements: readonly Settlement[], now: EpochMs): Promise<Settled> {
    const statement = settlements.some(({ callback }) => callback) ? SETTLE_AND_TELL : SETTLE
    const rows = await database.query<SettledRow>(statement, [
      clock.given(now),
      settlements.map(({ batch }) => batch),
      settlements.map(({ token }) => token),
      settlements.map(({ next }) => next.state),
      settlements.map(({ next }) => (next.state === 'waiting' ? next.runAt - now : null)),
      settlements.map(({ completed }) => completed),
      settlements.map(({ failed }) => failed),
      settlements.map(({ cancelled }) => cancelled),
      settlements.map(({ verdicts }) => verdicts),
    ])
    const written = new Set(rows[0]?.written)
    const refused = settlements.map(({ batch }) => batch).filter((batch) => !written.has(batch))
    const finished = rows.flatMap((row) => (row.seq === null ? [] : [toRequest(row)]))
    hintCallbacks(finished, hint)
    return { refused, finished }
  }

  async function settle(settlements: readonly Settlement[], now: EpochMs): Promise<Settled> {
    const refused: number[] = []
    const finished: Settled['finished'][number][] = []
    for (const round of rounds(settlements)) {
      const settled = await write(round, now)
      refused.push(...settled.refused)
      finished.push(...settled.finished)
    }
    return { refused, finished }
  }

  return { settle }
}

/** One statement cannot write a row twice, and the order counts: a batch's second one goes later. */
function rounds(settlements: readonly Settlement[]): readonly (readonly Settlement[])[] {
  const seen = new Map<number, number>()
  const numbered = settlements.map((settlement) => {
    const round = seen.get(settlement.batch) ?? 0
    seen.set(settlement.batch, round + 1)
    return { settlement, round }
  })
  return [...Map.groupBy(numbered, ({ round }) => round).values()].map((round) =>
    round.map(({ settlement }) => settlement),
  )
}
