import type { DatabaseSync } from 'node:sqlite'
import { type ClosedGate, PROBE_EVERY_MS, passage } from '../../core/gate.ts'
import { takesOldest } from '../../core/rank.ts'
import type { Closing } from '../../core/request.ts'
import type { EpochMs } from '../../core/units.ts'
import { CLOSING_MAX, type OrdinalsRow, type SystemRow, toControl, toOrdinals } from '../rows.ts'
import type { Claim, ClaimedBatch, LaneWork, RequestName, Want, Work } from '../store.ts'
import { prepare } from './database.ts'

/** How many waiting batches of a lane one claim makes ready: bounds the transaction. */
const PROMOTE_MAX = 1000

/** How many batches of closed requests a claim passes over in a lane, until they are ended. */
const PASSED_MAX = 1000

/** A batch that is ready, of a request that is closed: it is passed over. */
interface ClosedRow {
  readonly id: number
  readonly rank: number
  readonly closing: Closing
}

interface ReadyRow extends OrdinalsRow {
  readonly closing: null
  readonly id: number
  readonly token: number
  readonly seq: number
  readonly request: string
  readonly tenant: string
  readonly rank: number
  readonly rescues: number
  readonly mappings: string
  readonly metadata: string
  readonly callback_url: string | null
  readonly verdicts: string | null
}

/** How far a claim has passed over batches of closed requests, by rank and by age. */
interface Passed {
  rank: number
  id: number
  oldest: number
  batches: number
}

/**
 * Gives out leases, and says what work there is.
 *
 * @param releaseAt says when there is something to release
 */
export function claimOperations(database: DatabaseSync, releaseAt: () => EpochMs | null) {
  const findWorker = prepare(database, 'SELECT 1 FROM workers WHERE id = ?')
  const findSystem = prepare<SystemRow>(database, 'SELECT * FROM systems WHERE system = ?')
  const allSystems = prepare<SystemRow>(database, 'SELECT * FROM systems')
  const lastEpoch = prepare<{ epoch: number }>(
    database,
    'SELECT coalesce(max(epoch), 0) AS epoch FROM workers',
  )
  const closing = prepare<RequestName>(
    database,
    `SELECT tenant, id FROM requests WHERE closing IS NOT NULL AND finished_at IS NULL
     ORDER BY closing_at DESC LIMIT ${CLOSING_MAX}`,
  )
  const toClose = prepare(
    database,
    `SELECT 1 FROM requests
     WHERE closing IS NOT NULL AND finished_at IS NULL AND closing_from IS NOT NULL
     UNION ALL
     SELECT 1 FROM requests
     WHERE expires_at <= ? AND finished_at IS NULL AND closing IS NULL AND state <> 'receiving'
     LIMIT 1`,
  )
  const delayProbe = prepare(database, 'UPDATE systems SET until = ? WHERE system = ?')
  const promote = prepare(
    database,
    `UPDATE batches SET state = 'ready', run_at = NULL WHERE id IN (SELECT id FROM batches
       WHERE lane = ? AND state = 'waiting' AND run_at <= ? ORDER BY run_at LIMIT ${PROMOTE_MAX})`,
  )
  const ready = (which: string) => `
    SELECT b.id, b.token, b.rank, b.rescues, b.first, b.last, b.count, p.ordinals, p.mappings,
      v.verdicts, r.seq, r.id AS request, r.tenant, r.metadata, r.callback_url, r.closing
    FROM (SELECT * FROM batches WHERE lane = ? AND state = 'ready' ${which} LIMIT 1) b
      JOIN requests r ON r.seq = b.request
      LEFT JOIN payloads p ON p.batch = b.id AND r.closing IS NULL
      LEFT JOIN verdicts v ON v.batch = p.batch`
  const lowestRank = prepare<ReadyRow | ClosedRow>(
    database,
    ready('AND (rank, id) > (?, ?) AND rank < ? ORDER BY rank, id'),
  )
  const oldest = prepare<ReadyRow | ClosedRow>(database, ready('AND id > ? ORDER BY id'))
  const lease = prepare(
    database,
    `UPDATE batches SET state = 'leased', worker = ?, token = token + 1 WHERE id = ?`,
  )
  const start = prepare(
    database,
    `UPDATE requests SET state = 'in_progress', started_at = ?1, marked_at = ?1, earlier_at = ?1
     WHERE seq = ?2 AND state = 'pending'`,
  )
  const nextDue = prepare<{ at: number }>(
    database,
    `SELECT run_at AS at FROM batches WHERE lane = ? AND state = 'waiting' ORDER BY run_at LIMIT 1`,
  )
  const nextReady = prepare<{ lane: string; rank: number }>(
    database,
    `SELECT lane, rank FROM batches WHERE state = 'ready' AND lane > ? ORDER BY lane, rank LIMIT 1`,
  )
  const nextWaiting = prepare<{ lane: string; run_at: number }>(
    database,
    `SELECT lane, run_at FROM batches WHERE state = 'waiting' AND lane > ?
     ORDER BY lane, run_at LIMIT 1`,
  )

  function pick({ lane, below, turn }: Want, picked: number, passed: Passed): ReadyRow | null {
    const byAge = below === null && takesOldest(turn + picked)
    while (passed.batches < PASSED_MAX) {
      const row = byAge
        ? oldest.get(lane, passed.oldest)
        : lowestRank.get(lane, passed.rank, passed.id, below ?? Number.MAX_VALUE)
      if (row === undefined) return null
      if (row.closing === null) return row
      passed.batches += 1
      if (byAge) passed.oldest = row.id
      else Object.assign(passed, { rank: row.rank, id: row.id })
    }
    return null
  }

  function take(row: ReadyRow, worker: string, lane: string, probe: boolean, now: EpochMs) {
    lease.run(worker, row.id)
    start.run(now, row.seq)
    const { id, rank, rescues, request, tenant, mappings, metadata, verdicts } = row
    const token = row.token + 1
    const ordinals = toOrdinals(row)
    const texts = { mappings, metadata, verdicts }
    const callback = row.callback_url !== null
    return { id, token, request, tenant, lane, rank, rescues, ordinals, ...texts, probe, callback }
  }

  function claim(worker: string, wants: readonly Want[], now: EpochMs): Claim {
    const batches: ClaimedBatch[] = []
    const closed: { lane: string; gate: ClosedGate }[] = []
    const due: { lane: string; at: EpochMs }[] = []
    if (findWorker.get(worker) === undefined) return { batches, closed, due }
    for (const want of wants) {
      const row = findSystem.get(want.lane)
      if (row?.paused === 1) continue
      const gate = row === undefined ? null : toControl(row).gate
      const open = passage(gate, now)
      if (gate !== null && open !== 'all') closed.push({ lane: want.lane, gate })
      if (open === 'none') continue
      promote.run(want.lane, now)
      const limit = open === 'probe' ? 1 : want.mappings
      const passed = { rank: -1, id: 0, oldest: 0, batches: 0 }
      let mappings = 0
      for (let picked = 0; mappings < limit; picked++) {
        const row = pick(want, picked, passed)
        if (row === null) break
        batches.push(take(row, worker, want.lane, open === 'probe', now))
        mappings += row.count
      }
      if (open === 'probe' && mappings > 0) delayProbe.run(now + PROBE_EVERY_MS, want.lane)
      const next = nextDue.get(want.lane)
      if (next !== undefined) due.push({ lane: want.lane, at: next.at })
    }
    return { batches, closed, due }
  }

  function work(now: EpochMs): Work {
    const lanes = new Map<string, LaneWork>()
    for (let row = nextReady.get(''); row !== undefined; row = nextReady.get(row.lane)) {
      lanes.set(row.lane, { lane: row.lane, rank: row.rank, due: null })
    }
    for (let row = nextWaiting.get(''); row !== undefined; row = nextWaiting.get(row.lane)) {
      const rank = lanes.get(row.lane)?.rank ?? null
      lanes.set(row.lane, { lane: row.lane, rank, due: row.run_at })
    }
    return {
      lanes: [...lanes.values()],
      systems: allSystems.all().map(toControl),
      epoch: lastEpoch.get()?.epoch ?? 0,
      closing: closing.all(),
      toClose: toClose.get(now) !== undefined,
      release: releaseAt(),
    }
  }

  return { claim, work }
}
