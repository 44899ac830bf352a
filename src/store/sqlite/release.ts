import type { DatabaseSync } from 'node:sqlite'
import type { Priority } from '../../core/mapping.ts'
import { rankStep } from '../../core/rank.ts'
import type { EpochMs } from '../../core/units.ts'
import type { WorkHint } from '../store.ts'
import { prepare } from './database.ts'
import { intakeStatements } from './intake-statements.ts'

/** How many batches one call makes ready, and about how many lanes it ranks: bounds the transaction. */
const RELEASED_MAX = 2000

interface DueRow {
  readonly seq: number
  readonly tenant: string
  readonly priority: Priority
  readonly lanes: string
}

interface Released {
  readonly lane: string
  readonly rank: number
}

/**
 * Makes staged batches ready when their request is whole and its time has come. It is ranked then:
 * with ranks of the day when it was handed in it would overtake everybody.
 *
 * @param hint told of every lane that got work, before the transaction is committed
 */
export function releaseOperations(database: DatabaseSync, hint: (hint: WorkHint) => void) {
  const { findFlow, growFlow, virtualTime } = intakeStatements(database)
  const nextDue = prepare<DueRow>(
    database,
    `SELECT seq, tenant, priority, lanes FROM requests
     WHERE release_at <= ? AND closing IS NULL AND finished_at IS NULL ORDER BY release_at LIMIT 1`,
  )
  const enter = prepare(database, 'UPDATE requests SET release_at = NULL WHERE seq = ?')
  const putRelease = prepare(database, 'INSERT INTO releases VALUES (?, ?, ?, ?)')
  const nextEntered = prepare<{ request: number }>(
    database,
    'SELECT request FROM releases WHERE request > ? ORDER BY request LIMIT 1',
  )
  const isClosing = prepare(
    database,
    'SELECT 1 FROM requests WHERE seq = ? AND closing IS NOT NULL',
  )
  const makeReady = prepare<Released>(
    database,
    `UPDATE batches AS b SET state = 'ready', start = r.start + b.start * r.step,
       rank = r.start + b.rank * r.step
     FROM releases r WHERE r.request = b.request AND r.lane = b.lane AND b.id IN (
       SELECT id FROM batches WHERE request = ? AND state = 'staged' ORDER BY id LIMIT ?)
     RETURNING lane, rank`,
  )
  const endRelease = prepare(database, 'DELETE FROM releases WHERE request = ?')
  const nextTime = prepare<{ at: EpochMs | null }>(
    database,
    `SELECT CASE WHEN EXISTS (SELECT 1 FROM releases) THEN 0 ELSE (
       SELECT release_at FROM requests
       WHERE release_at IS NOT NULL AND closing IS NULL AND finished_at IS NULL
       ORDER BY release_at LIMIT 1) END AS at`,
  )

  /** Which one had its turn last. It is only a place in a round: losing it costs nothing. */
  let after = 0

  /** Ranks a request; gives how many lanes it goes to. */
  function rank({ seq, tenant, priority, lanes }: DueRow): number {
    const names: readonly string[] = JSON.parse(lanes)
    for (const lane of names) {
      const others = findFlow.get(lane, tenant, priority)?.requests ?? 0
      putRelease.run(seq, lane, virtualTime(lane), rankStep(1, others, priority))
      growFlow.run(lane, tenant, priority, 1, 0)
    }
    enter.run(seq)
    return names.length
  }

  /** Makes batches ready, at most so many; gives how many. What is closing is left to its end. */
  function releaseSome(seq: number, limit: number): number {
    const released = isClosing.get(seq) === undefined ? makeReady.all(seq, limit) : []
    const lowest = new Map<string, number>()
    for (const { lane, rank } of released) {
      lowest.set(lane, Math.min(rank, lowest.get(lane) ?? rank))
    }
    for (const [lane, rank] of lowest) hint({ lane, rank })
    if (released.length < limit) endRelease.run(seq)
    return released.length
  }

  function release(now: EpochMs): EpochMs | null {
    let room = RELEASED_MAX
    for (let due = nextDue.get(now); due !== undefined && room > 0; due = nextDue.get(now)) {
      room -= rank(due)
      if (room > 0) room -= releaseSome(due.seq, room)
    }
    while (room > 0) {
      const next = nextEntered.get(after) ?? nextEntered.get(0)
      if (next === undefined) break
      after = next.request
      room -= releaseSome(next.request, room)
    }
    return releaseAt()
  }

  /** When there is something to release. */
  function releaseAt(): EpochMs | null {
    return nextTime.get()?.at ?? null
  }

  return { release, releaseAt }
}
