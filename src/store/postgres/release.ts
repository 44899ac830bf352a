import type { DurationMs, EpochMs } from '../../core/units.ts'
import type { WorkHint } from '../store.ts'
import { NOW, type StoreClock } from './clock.ts'
import type { Database } from './database.ts'
import { flowOf, stepOf, VIRTUAL_TIME } from './virtual-time.ts'

/** How many batches one call makes ready, and how many requests it ranks: bounds the transactions. */
const RELEASED_MAX = 2000
const RANKED_MAX = 20

/** How soon to look again at batches that another node is making ready. */
const ASK_AGAIN_MS: DurationMs = 100

/** Requests that are not ranked yet, and may be. */
export const UNRELEASED = 'release_at IS NOT NULL AND closing IS NULL AND finished_at IS NULL'

/** When there is something to release, by the store's clock: 0 is at once. */
export const RELEASE_AT = `
  (SELECT CASE WHEN EXISTS (SELECT 1 FROM releases) THEN 0
    ELSE (SELECT min(release_at) FROM requests WHERE ${UNRELEASED}) END)`

/** Ranks whole requests whose time has come, by what their lanes hold now; their batches follow. */
const RANK = `
  WITH due AS MATERIALIZED (
    SELECT seq, tenant, priority, lanes FROM requests
    WHERE release_at <= ${NOW} AND ${UNRELEASED}
    ORDER BY release_at LIMIT ${RANKED_MAX} FOR UPDATE SKIP LOCKED
  ), entered AS (
    UPDATE requests r SET release_at = NULL FROM due WHERE r.seq = due.seq
  ), parts AS MATERIALIZED (
    SELECT d.seq, d.tenant, d.priority, l.lane COLLATE "C" AS lane, row_number()
      OVER (PARTITION BY l.lane, d.tenant, d.priority ORDER BY d.seq) AS place
    FROM due d CROSS JOIN LATERAL json_array_elements_text(d.lanes::json) AS l (lane)
  ), ranked AS (
    INSERT INTO releases (request, lane, start, step)
    SELECT p.seq, p.lane, ${VIRTUAL_TIME},
      (coalesce(f.requests, 0) + p.place) * ${stepOf('p.priority')}
    FROM parts p ${flowOf('p')}
  )
  INSERT INTO flows AS f (lane, tenant, priority, requests, mappings)
  SELECT lane, tenant, priority, count(*), 0 FROM parts
  GROUP BY lane, tenant, priority ORDER BY lane, tenant, priority
  ON CONFLICT (lane, tenant, priority) DO UPDATE SET requests = f.requests + excluded.requests`

/** The first staged batch of a request from an id on: one look into an index, however many there are. */
const firstStaged = (request: string, from: string) => `
  (SELECT id FROM batches b WHERE b.state = 'staged' AND b.request = ${request} AND b.id >= ${from}
  ORDER BY b.id LIMIT 1)`

/**
 * Makes batches of one request ready: the request after $1 in the round, its first ones from where this
 * node came to ($2, $3), so that no piece looks at those before it. They are bounded by their ids, for
 * the planner takes all for few that it has no statistics of. Several nodes may do so at once: each
 * takes those that no other has locked. What is closing is left to its end.
 */
const RELEASE = `
  WITH next AS MATERIALIZED (
    SELECT r.seq, r.closing IS NOT NULL AS closing,
      coalesce((SELECT id FROM unnest($2::bigint[], $3::bigint[]) AS c (seq, id) WHERE c.seq = r.seq),
        0) AS after
    FROM (SELECT DISTINCT request FROM releases) l JOIN requests r ON r.seq = l.request
    ORDER BY r.seq <= $1, r.seq LIMIT 1
  ), piece AS MATERIALIZED (
    SELECT seq, closing, CASE WHEN NOT closing THEN ${firstStaged('n.seq', 'n.after')} END AS first
    FROM next n
  ), picked AS MATERIALIZED (
    SELECT id FROM batches
    WHERE state = 'staged' AND request = (SELECT seq FROM piece)
      AND id >= (SELECT first FROM piece) AND id < (SELECT first FROM piece) + ${RELEASED_MAX}
    ORDER BY id FOR UPDATE SKIP LOCKED
  ), readied AS (
    UPDATE batches b
    SET state = 'ready', start = l.start + b.start * l.step, rank = l.start + b.rank * l.step
    FROM picked p, releases l
    WHERE b.id = p.id AND l.request = b.request AND l.lane = b.lane
    RETURNING b.lane, b.rank
  ), ended AS (
    DELETE FROM releases l USING piece p
    WHERE l.request = p.seq AND CASE
      WHEN p.closing THEN true
      WHEN ${firstStaged('p.seq', `p.first + ${RELEASED_MAX}`)} IS NOT NULL THEN false
      ELSE NOT EXISTS (
        SELECT 1 FROM batches b WHERE b.state = 'staged' AND b.request = p.seq
          AND b.id NOT IN (SELECT id FROM picked)) END
  )
  SELECT p.seq, p.first, r.lane, min(r.rank) AS rank FROM piece p LEFT JOIN readied r ON true
  GROUP BY p.seq, p.first, r.lane`

type ReleasedRow = { readonly seq: number } & (
  | { readonly first: number; readonly lane: string; readonly rank: number }
  | { readonly first: number | null; readonly lane: null }
)

/**
 * Makes staged batches ready when their request is whole and its time has come. It is ranked then:
 * with ranks of the day when it was handed in it would overtake everybody.
 *
 * @param hint told of every lane that got work, after the transaction is committed
 */
export function releaseOperations(
  database: Database,
  clock: StoreClock,
  hint: (hint: WorkHint) => void,
) {
  /** Where each request has come to, and which had its turn last: to lose them costs only time. */
  const places = new Map<number, number>()
  let after = 0

  async function release(now: EpochMs): Promise<EpochMs | null> {
    await database.query(RANK, [clock.given(now)])
    const parameters = [after, [...places.keys()], [...places.values()]]
    const rows = await database.query<ReleasedRow>(RELEASE, parameters)
    const [piece] = rows
    if (piece === undefined) {
      places.clear()
      return releaseAt(now)
    }
    after = piece.seq
    if (piece.lane === null) {
      places.delete(piece.seq)
      return now + ASK_AGAIN_MS
    }
    places.set(piece.seq, piece.first + RELEASED_MAX)
    for (const row of rows) if (row.lane !== null) hint({ lane: row.lane, rank: row.rank })
    return now
  }

  async function releaseAt(now: EpochMs): Promise<EpochMs | null> {
    const sql = `SELECT ${NOW} AS now, ${RELEASE_AT} AS at`
    const [row] = await database.query<{ now: EpochMs; at: EpochMs | null }>(sql, [
      clock.given(now),
    ])
    return row === undefined || row.at === null ? null : row.at - row.now + now
  }

  return { release }
}
