import type { EpochMs } from '../../core/units.ts'
import { type RequestRow, toRequest } from '../rows.ts'
import type { Cancelled, ClosedSome, WorkHint } from '../store.ts'
import { NOW, type StoreClock } from './clock.ts'
import { closeOperations } from './close.ts'
import type { Database } from './database.ts'

/** How many batches one transaction looks at: it holds up whoever settles the same requests. */
const BATCHES_MAX = 1000

/** How many requests share them, so that no small one waits for a huge one. */
const REQUESTS_MAX = 20

/** How many requests expire in one transaction. */
const EXPIRED_MAX = 100

const FIND = `SELECT * FROM requests WHERE tenant = $1 AND id = $2 AND state <> 'receiving'`

const CANCEL = `
  UPDATE requests SET closing = 'cancelled', closing_at = ${NOW}, closing_from = 0
  WHERE tenant = $2 AND id = $3 AND state <> 'receiving' AND finished_at IS NULL AND closing IS NULL
  RETURNING *`

const EXPIRE = `
  WITH over AS MATERIALIZED (
    SELECT seq FROM requests
    WHERE seq IN (SELECT seq FROM requests
      WHERE expires_at <= ${NOW} AND finished_at IS NULL AND closing IS NULL AND state <> 'receiving'
      ORDER BY expires_at LIMIT ${EXPIRED_MAX})
      AND finished_at IS NULL AND closing IS NULL
    ORDER BY seq FOR UPDATE
  )
  UPDATE requests r SET closing = 'expired', closing_at = ${NOW}, closing_from = 0
  FROM over WHERE r.seq = over.seq RETURNING r.*`

const UNENDED = `
  SELECT * FROM requests
  WHERE closing IS NOT NULL AND finished_at IS NULL AND closing_from IS NOT NULL
  ORDER BY seq LIMIT ${REQUESTS_MAX}`

/** Closes requests: because they were cancelled, or because their time is over. */
export function controlOperations(
  database: Database,
  clock: StoreClock,
  hint: (hint: WorkHint) => void,
) {
  const { endNext } = closeOperations(database, clock, hint)

  async function find(tenant: string, id: string): Promise<RequestRow | undefined> {
    const [row] = await database.query<RequestRow>(FIND, [tenant, id])
    return row
  }

  async function cancel(tenant: string, id: string, now: EpochMs): Promise<Cancelled> {
    const parameters = [clock.given(now), tenant, id]
    const [closed] = await database.query<RequestRow>(CANCEL, parameters)
    if (closed === undefined) return earlier(await find(tenant, id))
    hint({ lane: null, rank: null })
    await endNext([closed], BATCHES_MAX, now)
    return { kind: 'closed', request: toRequest((await find(tenant, id)) ?? closed) }
  }

  async function closeSome(now: EpochMs): Promise<ClosedSome> {
    const expired = await database.query<RequestRow>(EXPIRE, [clock.given(now)])
    if (expired.length > 0) hint({ lane: null, rank: null })
    const rows = await database.query<RequestRow>(UNENDED, [])
    const each = Math.floor(BATCHES_MAX / rows.length)
    const finished = rows.length === 0 ? [] : await endNext(rows, each, now)
    const more = expired.length === EXPIRED_MAX || rows.length > 0
    return { expired: expired.map(toRequest), finished, more }
  }

  return { cancel, closeSome }
}

/** What is said of a request that could not be closed now. */
function earlier(row: RequestRow | undefined): Cancelled {
  if (row === undefined) return { kind: 'unknown' }
  const isOver = row.finished_at !== null && row.closing !== 'cancelled'
  return isOver ? { kind: 'finished' } : { kind: 'unchanged', request: toRequest(row) }
}
