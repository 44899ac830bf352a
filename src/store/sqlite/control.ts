import type { DatabaseSync } from 'node:sqlite'
import type { Request } from '../../core/request.ts'
import type { EpochMs } from '../../core/units.ts'
import { type RequestRow, toRequest } from '../rows.ts'
import type { Cancelled, ClosedSome, WorkHint } from '../store.ts'
import { closeOperations } from './close.ts'
import { prepare } from './database.ts'

/** How many batches one transaction looks at: the writer is held up for some milliseconds. */
const BATCHES_MAX = 1000

/** How many requests share them, so that no small one waits for a huge one. */
const REQUESTS_MAX = 20

/** How many requests expire in one transaction. */
const EXPIRED_MAX = 100

/** Closes requests: because they were cancelled, or because their time is over. */
export function controlOperations(database: DatabaseSync, hint: (hint: WorkHint) => void) {
  const { endNext } = closeOperations(database, hint)
  const find = prepare<RequestRow>(
    database,
    `SELECT * FROM requests WHERE tenant = ? AND id = ? AND state <> 'receiving'`,
  )
  const cancelOne = prepare<RequestRow>(
    database,
    `UPDATE requests SET closing = 'cancelled', closing_at = ?, closing_from = 0 WHERE seq = ?
     RETURNING *`,
  )
  const expireSome = prepare<RequestRow>(
    database,
    `UPDATE requests SET closing = 'expired', closing_at = ?1, closing_from = 0
     WHERE seq IN (SELECT seq FROM requests
       WHERE expires_at <= ?1 AND finished_at IS NULL AND closing IS NULL AND state <> 'receiving'
       ORDER BY expires_at LIMIT ${EXPIRED_MAX})
     RETURNING *`,
  )
  const unended = prepare<RequestRow>(
    database,
    `SELECT * FROM requests WHERE closing IS NOT NULL AND finished_at IS NULL
       AND closing_from IS NOT NULL ORDER BY seq LIMIT ${REQUESTS_MAX}`,
  )

  function cancel(tenant: string, id: string, now: EpochMs): Cancelled {
    const row = find.get(tenant, id)
    if (row === undefined) return { kind: 'unknown' }
    const isOver = row.finished_at !== null && row.closing !== 'cancelled'
    if (isOver) return { kind: 'finished' }
    if (row.closing !== null) return { kind: 'unchanged', request: toRequest(row) }
    const closed = cancelOne.get(now, row.seq) ?? row
    hint({ lane: null, rank: null })
    const finished = endNext(closed, BATCHES_MAX, now)
    return { kind: 'closed', request: finished ?? toRequest(find.get(tenant, id) ?? closed) }
  }

  function closeSome(now: EpochMs): ClosedSome {
    const expired = expireSome.all(now)
    if (expired.length > 0) hint({ lane: null, rank: null })
    const rows = unended.all()
    const each = Math.floor(BATCHES_MAX / rows.length)
    const finished = rows.flatMap((row): Request[] => {
      const request = endNext(row, each, now)
      return request === null ? [] : [request]
    })
    const more = unended.get() !== undefined
    return { expired: expired.map(toRequest), finished, more }
  }

  return { cancel, closeSome }
}
