import type { DatabaseSync } from 'node:sqlite'
import type { Priority } from '../../core/mapping.ts'
import type { EpochMs } from '../../core/units.ts'
import { toEarlier } from '../rows.ts'
import type { Opened, OpenRequest, Piece, RequestName, Whole, WorkHint } from '../store.ts'
import { prepare } from './database.ts'
import { intakeStatements, mappingsIn } from './intake-statements.ts'

interface ReceivingRow {
  readonly seq: number
  readonly priority: Priority
  readonly total: number
  readonly not_before: EpochMs | null
  /** Null where it is complete, 0 where it was given up. */
  readonly receiving_until: EpochMs | null
}

/**
 * Takes in requests that come in pieces. While one is received its `total` counts what was staged.
 *
 * @param hint told when there is something to release, before the transaction is committed
 */
export function receiveOperations(database: DatabaseSync, hint: (hint: WorkHint) => void) {
  const { findKey, putKey, growFlow, openLane, ...write } = intakeStatements(database)
  const find = prepare<ReceivingRow>(
    database,
    `SELECT seq, priority, total, not_before, receiving_until FROM requests
     WHERE tenant = ? AND id = ?`,
  )
  const grow = prepare(
    database,
    `UPDATE requests SET total = total + ?, open = open + ?, failed = failed + ?,
       receiving_until = max(receiving_until, ?)
     WHERE seq = ?`,
  )
  const makeWhole = prepare(
    database,
    `UPDATE requests SET state = 'pending', receiving_until = NULL, release_at = ?, lanes = ?,
       sources = ?
     WHERE seq = ?`,
  )
  const nameKey = prepare(database, 'UPDATE idempotency_keys SET fingerprint = ? WHERE request = ?')
  const giveUp = prepare(
    database,
    'UPDATE requests SET receiving_until = 0 WHERE seq = ? AND receiving_until IS NOT NULL',
  )
  const freeKey = prepare(database, 'DELETE FROM idempotency_keys WHERE request = ?')

  function open({ key, ...outline }: OpenRequest, until: EpochMs): Opened {
    const { tenant, createdAt } = outline
    const earlier = key === null ? undefined : findKey.get(tenant, key)
    if (earlier !== undefined) {
      if (earlier.receiving_until !== null) return { kind: 'receiving' }
      return { kind: 'known', request: toEarlier(earlier), fingerprint: earlier.fingerprint }
    }
    const seq = write.insertRequest(outline, {
      state: 'receiving',
      total: 0,
      open: 0,
      lanes: [],
      sources: {},
      receivingUntil: until,
      releaseAt: null,
    })
    if (key !== null) putKey.run(tenant, key, '', seq, createdAt)
    return { kind: 'opened' }
  }

  function stage({ tenant, id }: RequestName, piece: Piece, until: EpochMs): boolean {
    const row = find.get(tenant, id)
    if (!row?.receiving_until) return false
    const { staged, batches, rejected = [] } = piece
    const failed = mappingsIn(rejected)
    const mappings = mappingsIn(batches) + failed
    // Sent again, because its answer was lost.
    const isKnown = row.total === staged + mappings
    if (isKnown || mappings === 0) return grow.run(0, 0, 0, until, row.seq) === 1
    if (row.total !== staged) throw new Error('pieces are staged one after another')
    grow.run(mappings, batches.length, failed, until, row.seq)
    for (const batch of batches) {
      const { before: start, ordinals } = batch
      write.insertBatch(row.seq, batch, { state: 'staged', start, rank: start + ordinals.count })
    }
    for (const batch of rejected) write.insertRejected(row.seq, batch)
    return true
  }

  function complete({ tenant, id }: RequestName, whole: Whole): boolean {
    const row = find.get(tenant, id)
    if (row === undefined || row.receiving_until === 0) return false
    if (row.receiving_until === null) return true
    if (row.total !== whole.total) throw new Error('a request is complete when all of it is staged')
    const lanes = Object.entries(whole.lanes)
    const names = JSON.stringify(lanes.map(([lane]) => lane))
    makeWhole.run(row.not_before ?? 0, names, JSON.stringify(whole.sources), row.seq)
    if (whole.fingerprint !== null) nameKey.run(whole.fingerprint, row.seq)
    for (const [lane, mappings] of lanes) {
      growFlow.run(lane, tenant, row.priority, 0, mappings)
      if (lanes.length > 1) openLane.run(row.seq, lane, mappings)
    }
    hint({ lane: null, rank: null })
    return true
  }

  function abandon({ tenant, id }: RequestName): void {
    const row = find.get(tenant, id)
    if (row === undefined || giveUp.run(row.seq) === 0) return
    freeKey.run(row.seq)
  }

  return { open, stage, complete, abandon }
}
