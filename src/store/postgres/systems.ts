import { type Gate, PROBE_EVERY_MS } from '../../core/gate.ts'
import { isNoOverride, NO_OVERRIDE, type Override } from '../../core/limits.ts'
import type { EpochMs } from '../../core/units.ts'
import { type SystemRow, toControl } from '../rows.ts'
import { OVERRIDES_MAX, type WorkHint } from '../store.ts'
import { NOW, type StoreClock } from './clock.ts'
import type { Database } from './database.ts'

const SET_GATE = `
  INSERT INTO systems (system, state, until, reason) VALUES ($2, $3, ${NOW} + $4, $5)
  ON CONFLICT (system) DO UPDATE
  SET state = excluded.state, until = excluded.until, reason = excluded.reason
  WHERE systems.state IS DISTINCT FROM 'throttled' OR systems.until <= excluded.until`

const OPEN_GATE = 'UPDATE systems SET state = NULL, until = NULL, reason = NULL WHERE system = $1'

const DELAY = `
  UPDATE systems SET until = ${NOW} + ${PROBE_EVERY_MS}
  WHERE system = $2 AND state IS NOT NULL AND until <= ${NOW} RETURNING system`

const HASTEN = `
  UPDATE systems SET until = least(until, ${NOW}) WHERE system = $2 AND state IS NOT NULL
  RETURNING *, ${NOW} AS at`

const OVERRIDDEN = '(concurrency IS NOT NULL OR rate IS NOT NULL OR paused = 1)'

/**
 * $2, $4 and $6 tell whether the value after each is a change, and $8 whether any of them says something.
 * Two at the same moment may come to one more than there may be.
 */
const OVERRIDE = `
  INSERT INTO systems AS s (system, concurrency, rate, paused)
  SELECT $1, $3::bigint, $5::text, coalesce($7::smallint, 0)
  WHERE EXISTS (SELECT 1 FROM systems WHERE system = $1 AND (${OVERRIDDEN} OR NOT $8::boolean))
    OR ($8::boolean AND (SELECT count(*) FROM systems WHERE ${OVERRIDDEN}) < ${OVERRIDES_MAX})
  ON CONFLICT (system) DO UPDATE SET
    concurrency = CASE WHEN $2::boolean THEN excluded.concurrency ELSE s.concurrency END,
    rate = CASE WHEN $4::boolean THEN excluded.rate ELSE s.rate END,
    paused = CASE WHEN $6::boolean THEN excluded.paused ELSE s.paused END
  RETURNING *`

/** A system's row, and what the time was then by the store's clock. */
export interface TimedSystemRow extends SystemRow {
  readonly at: EpochMs
}

/** How a system may be called, its gate's time by the caller's clock, which says `now`. */
export function toCallersControl(row: TimedSystemRow, now: EpochMs) {
  const until = row.until === null ? null : row.until - row.at + now
  return toControl({ ...row, until })
}

/**
 * Closes and opens gates, and keeps what operators say.
 *
 * @param hint told of every change that is written
 */
export function systemOperations(
  database: Database,
  clock: StoreClock,
  hint: (hint: WorkHint) => void,
) {
  async function gate(system: string, gate: Gate): Promise<void> {
    const now = clock.now()
    if (gate === null) await database.query(OPEN_GATE, [system])
    else {
      const { state, until, reason } = gate
      await database.query(SET_GATE, [clock.given(now), system, state, until - now, reason])
    }
    hint({ lane: system, rank: null })
  }

  async function probe(system: string, now: EpochMs): Promise<boolean> {
    return (await database.query(DELAY, [clock.given(now), system])).length === 1
  }

  async function override(system: string, change: Partial<Override>): Promise<Override | null> {
    const { concurrency, rate, paused } = change
    const saysNothing = isNoOverride({ ...NO_OVERRIDE, ...change })
    const [row] = await database.query<SystemRow>(OVERRIDE, [
      system,
      ...[concurrency !== undefined, concurrency ?? null],
      ...[rate !== undefined, rate == null ? null : JSON.stringify(rate)],
      ...[paused !== undefined, paused === true ? 1 : 0, !saysNothing],
    ])
    if (row === undefined) return saysNothing ? NO_OVERRIDE : null
    hint({ lane: system, rank: null })
    return toControl(row).override
  }

  async function resume(system: string, now: EpochMs): Promise<Gate> {
    const [row] = await database.query<TimedSystemRow>(HASTEN, [clock.given(now), system])
    hint({ lane: system, rank: null })
    return row === undefined ? null : toCallersControl(row, now).gate
  }

  return { gate, probe, override, resume }
}
