import type { EpochMs } from '../../core/units.ts'
import { type RequestRow, toRequest } from '../rows.ts'
import { type Settled, type Settlement, StoreUnavailable, type WorkHint } from '../store.ts'
import { hintCallbacks } from './callbacks.ts'
import { NOW, type StoreClock } from './clock.ts'
import { closeOperations } from './close.ts'
import { COUNT } from './count.ts'
import type { Database } from './database.ts'
import { countFailures, failureParameters } from './failures.ts'
import { closeFlows, closeFlowsAndTell } from './finish.ts'

/**
 * Every settlement of a group at once, as parallel arrays. What a row held before is read under its
 * lock (`held`), so a settlement counts once though it is written twice, even by a statement that its
 * caller has given up. One that was on its way for so long that a later one overtook it says less than is
 * stored, and is refused.
 */
const settleAll = (close: typeof closeFlows, counting: string) => `
  WITH held AS MATERIALIZED (
    SELECT b.id, b.request, b.lane, g.state, g.delay, g.verdicts, g.completed, g.failed, g.cancelled,
      g.completed - b.completed AS more_completed, g.failed - b.failed AS more_failed,
      g.cancelled - b.cancelled AS more_cancelled
    FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[],
        $8::bigint[], $9::text[])
        AS g (batch, token, state, delay, completed, failed, cancelled, verdicts)
      JOIN batches b ON b.id = g.batch AND b.token = g.token AND b.state = 'leased'
        AND b.completed <= g.completed AND b.failed <= g.failed AND b.cancelled <= g.cancelled
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
  ), ${COUNT(close)}${counting}
  SELECT h.written, r.*
  FROM (SELECT coalesce(array_agg(id), '{}') AS written FROM held) h
    LEFT JOIN (SELECT * FROM counted WHERE open = 0 OR closing IS NOT NULL) r ON true`

/** Most settlements bring no failure, and few requests have a callback: then neither is planned for. */
const SETTLE = statements(closeFlows)
const SETTLE_AND_TELL = statements(closeFlowsAndTell)

function statements(close: typeof closeFlows) {
  return { plain: settleAll(close, ''), failing: settleAll(close, `, ${countFailures(10)}`) }
}

/** Beside the batches that were written, the requests that are finished or were closed. */
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
  const { end } = closeOperations(database, clock, hint)

  async function write(settlements: readonly Settlement[], now: EpochMs): Promise<Settled> {
    const { plain, failing } = settlements.some(({ callback }) => callback)
      ? SETTLE_AND_TELL
      : SETTLE
    const failed = settlements.filter(({ failures }) => failures.length > 0)
    const counting = failed.length === 0 ? [] : failureParameters(failed)
    const statement = failed.length === 0 ? plain : failing
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
      ...counting,
    ])
    const written = new Set(rows[0]?.written)
    const requests = rows.flatMap((row) => (row.seq === null ? [] : [toRequest(row)]))
    const finished = requests.filter(({ finishedAt }) => finishedAt !== null)
    hintCallbacks(finished, hint)
    if (finished.length < requests.length) finished.push(...(await endLetGo(settlements, now)))
    return { refused: refusedOf(settlements, written), finished }
  }

  /** A transaction of its own: the settlements are written. If it cannot be done now, a rescue sees to it. */
  async function endLetGo(settlements: readonly Settlement[], now: EpochMs) {
    const letGo = settlements.filter(({ next: { state } }) => LET_GO.has(state))
    try {
      return await end(
        letGo.map(({ batch }) => batch),
        now,
      )
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
      return []
    }
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

const LET_GO = new Set<string>(['ready', 'waiting'])

function refusedOf(settlements: readonly Settlement[], written: ReadonlySet<number>) {
  return settlements.map(({ batch }) => batch).filter((batch) => !written.has(batch))
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
