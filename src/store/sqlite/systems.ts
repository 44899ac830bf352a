import type { DatabaseSync } from 'node:sqlite'
import { type Gate, PROBE_EVERY_MS } from '../../core/gate.ts'
import { isNoOverride, type Override } from '../../core/limits.ts'
import type { EpochMs } from '../../core/units.ts'
import { plain, type SystemRow, toControl } from '../rows.ts'
import { OVERRIDES_MAX, type SystemControl, type WorkHint } from '../store.ts'
import { prepare } from './database.ts'

/** Closes and opens gates, and keeps what operators say. Every change is hinted at. */
export function systemOperations(database: DatabaseSync, hint: (hint: WorkHint) => void) {
  const find = prepare<SystemRow>(database, 'SELECT * FROM systems WHERE system = ?')
  const setGate = prepare(
    database,
    `INSERT INTO systems (system, state, until, reason) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE
     SET state = excluded.state, until = excluded.until, reason = excluded.reason
     WHERE state IS NOT 'throttled' OR until <= excluded.until`,
  )
  const openGate = prepare(
    database,
    'UPDATE systems SET state = NULL, until = NULL, reason = NULL WHERE system = ?',
  )
  const delay = prepare(
    database,
    'UPDATE systems SET until = ? WHERE system = ? AND state IS NOT NULL AND until <= ?',
  )
  const hasten = prepare(
    database,
    'UPDATE systems SET until = min(until, ?) WHERE system = ? AND state IS NOT NULL',
  )
  const countOverrides = prepare<{ n: number }>(
    database,
    `SELECT count(*) AS n FROM systems
     WHERE concurrency IS NOT NULL OR rate IS NOT NULL OR paused = 1`,
  )
  const setOverride = prepare(
    database,
    `INSERT INTO systems (system, concurrency, rate, paused) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET concurrency = excluded.concurrency, rate = excluded.rate,
       paused = excluded.paused`,
  )

  function control(system: string): SystemControl {
    const row = find.get(system)
    return row === undefined ? plain(system) : toControl(row)
  }

  function gate(system: string, gate: Gate): void {
    if (gate === null) openGate.run(system)
    else setGate.run(system, gate.state, gate.until, gate.reason)
    hint({ lane: system, rank: null })
  }

  function probe(system: string, now: EpochMs): boolean {
    return delay.run(now + PROBE_EVERY_MS, system, now) === 1
  }

  function override(system: string, change: Partial<Override>): Override | null {
    const before = control(system).override
    const next = { ...before, ...change }
    if (isNoOverride(before)) {
      if (isNoOverride(next)) return next
      if ((countOverrides.get()?.n ?? 0) >= OVERRIDES_MAX) return null
    }
    const { concurrency, rate, paused } = next
    setOverride.run(system, concurrency, rate && JSON.stringify(rate), paused ? 1 : 0)
    hint({ lane: system, rank: null })
    return next
  }

  function resume(system: string, now: EpochMs): Gate {
    hasten.run(now, system)
    hint({ lane: system, rank: null })
    return control(system).gate
  }

  return { gate, probe, override, resume }
}
