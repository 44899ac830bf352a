import type { EpochMs } from '../../core/units.ts'
import type { Beat, NamedReport, Worker, WorkHint } from '../store.ts'
import { NOW, type StoreClock } from './clock.ts'
import type { Database } from './database.ts'

const JOIN = `
  WITH next AS (UPDATE membership SET epoch = epoch + 1 WHERE id = 1 RETURNING epoch)
  INSERT INTO workers (id, host, epoch, deadline)
  SELECT $2, $3, epoch, ${NOW} + $4 FROM next
  ON CONFLICT (id) DO UPDATE SET deadline = greatest(workers.deadline, excluded.deadline)`

/**
 * A beat that was on its way for long takes nothing back of what a later one has said. A statement does
 * not see what it writes itself, so this worker counts as alive by its name.
 */
const BEAT = `
  WITH renewed AS (
    UPDATE workers SET deadline = greatest(deadline, ${NOW} + $3), seen = greatest(seen, $4)
    WHERE id = $2 RETURNING epoch
  )
  SELECT r.epoch AS own, count(*) AS workers, coalesce(max(w.epoch), 0) AS epoch,
    count(*) FILTER (WHERE w.epoch < r.epoch) AS position,
    count(*) FILTER (WHERE w.epoch < r.epoch AND w.seen < r.epoch) AS late
  FROM workers w LEFT JOIN renewed r ON true
  WHERE w.deadline > ${NOW} OR w.id = $2
  GROUP BY r.epoch`

/** What a worker holds, but for what it may keep, goes back. Locked in order, as all batches are. */
const release = (worker: string, which = '') => `
  held AS MATERIALIZED (
    SELECT id FROM batches WHERE state = 'leased' AND worker = ${worker} ${which}
    ORDER BY id FOR UPDATE
  )
  UPDATE batches b SET state = 'ready', worker = NULL FROM held WHERE b.id = held.id`

/** The worker goes before its batches, as in a rescue, which may be about it at the same moment. */
const LEAVE = `
  WITH gone AS (DELETE FROM workers WHERE id = $1 RETURNING id),
  forgotten AS (DELETE FROM reports WHERE worker = $1),
  ${release('coalesce((SELECT id FROM gone), $1)')}`

const KEEP = `WITH ${release('$1', 'AND id <> ALL ($2::bigint[])')}`

const REPORT = `
  INSERT INTO reports (system, worker, report)
  SELECT g.system, w.id, g.report
  FROM unnest($2::text[], $3::text[]) AS g (system, report) JOIN workers w ON w.id = $1
  ON CONFLICT (system, worker) DO UPDATE SET report = excluded.report`

interface BeatRow extends Omit<Beat, 'alive' | 'welcome'> {
  readonly own: number | null
  readonly late: number
}

/**
 * Keeps the list of live workers, what they hold, and what they tell of the systems.
 *
 * @param hint told of every worker that joins, after the transaction is committed
 */
export function workerOperations(
  database: Database,
  clock: StoreClock,
  hint: (hint: WorkHint) => void,
) {
  async function join({ id, host }: Worker, deadline: EpochMs): Promise<void> {
    const now = clock.now()
    await database.query(JOIN, [clock.given(now), id, host, deadline - now])
    hint({ lane: null, rank: null })
  }

  async function beat(
    worker: string,
    deadline: EpochMs,
    now: EpochMs,
    seen: number,
  ): Promise<Beat> {
    const parameters = [clock.given(now), worker, deadline - now, seen]
    const [row] = await database.query<BeatRow>(BEAT, parameters)
    if (row === undefined) return { alive: false, workers: 0, position: 0, epoch: 0, welcome: true }
    const { own, workers, position, epoch, late } = row
    return { alive: own !== null, workers, position, epoch, welcome: late === 0 }
  }

  async function leave(worker: string): Promise<void> {
    await database.query(LEAVE, [worker])
  }

  async function keep(worker: string, held: readonly number[]): Promise<void> {
    await database.query(KEEP, [worker, held])
  }

  async function report(worker: string, reports: readonly NamedReport[]): Promise<void> {
    const latest = new Map(reports.map(({ system, report }) => [system, JSON.stringify(report)]))
    await database.query(REPORT, [worker, [...latest.keys()], [...latest.values()]])
  }

  return { join, beat, leave, keep, report }
}
