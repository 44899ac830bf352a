import type { DatabaseSync } from 'node:sqlite'
import type { EpochMs } from '../../core/units.ts'
import { prepare } from './database.ts'

/** How much one call clears away: so many rows, or mappings' texts of so many bytes. */
const ROWS_MAX = 500
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
    'SELECT seq FROM requests WHERE receiving_until = 0 ORDER BY seq LIMIT 1',
  )
  const partsOf = prepare<Part>(
    database,
    `SELECT b.id, octet_length(p.mappings) AS bytes FROM batches b JOIN payloads p ON p.batch = b.id
     WHERE b.request = ? ORDER BY b.first LIMIT ?`,
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
    let [rows, bytes] = [ROWS_MAX, BYTES_MAX]
    while (rows > 0 && bytes > 0) {
      const gone = nextGone.get()
      if (gone === undefined) return rows < ROWS_MAX || giveRoomBack()
      const cleared = clearSome(gone.seq, rows, bytes)
      rows -= cleared.rows
      bytes -= cleared.bytes
    }
    return true
  }

  /** Clears away no more than about so much of one request; of one that is left bare, all. */
  function clearSome(seq: number, rowsMax: number, bytesMax: number) {
    const found = partsOf.all(seq, rowsMax)
    const parts = firstOf(found, bytesMax)
    const ids = JSON.stringify(parts.map(({ id }) => id))
    for (const part of deleteParts) part.run(ids)
    deleteBatches.run(ids)
    const bytes = parts.reduce((sum, part) => sum + part.bytes, 0)
    if (parts.length < found.length || found.length === rowsMax)
      return { rows: parts.length, bytes }
    const rest = deleteRest.reduce((sum, statement) => sum + statement.run(seq), 0)
    return { rows: parts.length + rest + deleteRequest.run(seq), bytes }
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
function firstOf(found: readonly Part[], bytesMax: number): readonly Part[] {
  let room = bytesMax
  return found.filter(({ bytes }) => {
    const fits = room > 0
    room -= bytes
    return fits
  })
}
