import type { DatabaseSync } from 'node:sqlite'
import type { EpochMs } from '../../core/units.ts'
import { prepare } from './database.ts'

/** How much one call clears away: so many batches, or mappings' texts of so many bytes. */
const BATCHES_MAX = 500
const BYTES_MAX = 4_000_000

/** Free pages that the file keeps for what comes, and how many are given back at once. */
const KEPT_PAGES = 4096
const RETURNED_PAGES = 2000

interface Part {
  readonly id: number
  readonly bytes: number
}

/**
 * Clears away, a piece at a time, the requests that nobody sees any more: uploads that were given up,
 * and what was deleted. Then it gives the room back to the disk.
 */
export function clearOperations(database: DatabaseSync) {
  const giveUpLate = prepare<{ seq: number }>(
    database,
    `UPDATE requests SET receiving_until = 0 WHERE receiving_until > 0 AND receiving_until < ?
     RETURNING seq`,
  )
  const giveUpAll = prepare<{ seq: number }>(
    database,
    'UPDATE requests SET receiving_until = 0 WHERE receiving_until > 0 RETURNING seq',
  )
  const freeKey = prepare(database, 'DELETE FROM idempotency_keys WHERE request = ?')
  const nextGone = prepare<{ seq: number }>(
    database,
    'SELECT seq FROM requests WHERE receiving_until = 0 LIMIT 1',
  )
  const partsOf = prepare<Part>(
    database,
    `SELECT b.id, octet_length(p.mappings) AS bytes FROM batches b JOIN payloads p ON p.batch = b.id
     WHERE b.request = ? ORDER BY b.first LIMIT ${BATCHES_MAX}`,
  )
  const deleteParts = ['payloads', 'verdicts'].map((table) =>
    prepare(database, `DELETE FROM ${table} WHERE batch IN (SELECT value FROM json_each(?))`),
  )
  const deleteBatches = prepare(
    database,
    'DELETE FROM batches WHERE id IN (SELECT value FROM json_each(?))',
  )
  const deleteRest = ['failure_groups', 'request_lanes', 'releases'].map((table) =>
    prepare(database, `DELETE FROM ${table} WHERE request = ?`),
  )
  const deleteRequest = prepare(database, 'DELETE FROM requests WHERE seq = ?')
  const freePages = prepare<{ freelist_count: number }>(database, 'PRAGMA freelist_count')

  /** At the start of an embedded store nothing can be on its way: what was received is given up. */
  function giveUpReceived(): void {
    for (const { seq } of giveUpAll.all()) freeKey.run(seq)
  }

  function clear(now: EpochMs): boolean {
    for (const { seq } of giveUpLate.all(now)) freeKey.run(seq)
    const gone = nextGone.get()
    return gone === undefined ? giveRoomBack() : clearSome(gone.seq)
  }

  function clearSome(seq: number): boolean {
    const found = partsOf.all(seq)
    const parts = firstOf(found)
    const ids = JSON.stringify(parts)
    for (const part of deleteParts) part.run(ids)
    deleteBatches.run(ids)
    if (parts.length === found.length && found.length < BATCHES_MAX) {
      for (const rest of deleteRest) rest.run(seq)
      deleteRequest.run(seq)
    }
    return true
  }

  /** Only in files that were made to: others use their free pages again, and keep them. */
  function giveRoomBack(): boolean {
    const free = freePages.get()?.freelist_count ?? 0
    if (free <= KEPT_PAGES) return false
    database.exec(`PRAGMA incremental_vacuum(${Math.min(RETURNED_PAGES, free - KEPT_PAGES)})`)
    return (freePages.get()?.freelist_count ?? 0) < free
  }

  return { clear, giveUpReceived }
}

/** As many as may be deleted at once; one at least. */
function firstOf(found: readonly Part[]): readonly number[] {
  let room = BYTES_MAX
  const first: number[] = []
  for (const { id, bytes } of found) {
    if (room <= 0) break
    first.push(id)
    room -= bytes
  }
  return first
}
