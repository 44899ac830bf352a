import type { DatabaseSync } from 'node:sqlite'
import type { Request } from '../../core/request.ts'
import type { MappingState } from '../../core/verdict.ts'
import {
  type BatchRow,
  type OrdinalsRow,
  type RequestRow,
  toBatch,
  toOrdinals,
  toRequest,
} from '../rows.ts'
import {
  type BatchRange,
  ORDINAL_SPAN_MAX,
  type RequestFilter,
  type RequestName,
  type StoredBatch,
  type Totals,
} from '../store.ts'
import { prepare } from './database.ts'

/** Which batches hold a mapping that stands so. */
const HOLDING: Readonly<Record<MappingState, string>> = {
  pending: 'AND b.completed + b.failed + b.cancelled < b.count',
  completed: 'AND b.completed > 0',
  failed: 'AND b.failed > 0',
  cancelled: 'AND b.cancelled > 0',
}

/** Reads what people ask for; nothing here writes. */
export function queryOperations(database: DatabaseSync) {
  const findRequest = prepare<RequestRow>(
    database,
    `SELECT * FROM requests WHERE tenant = ? AND id = ? AND state <> 'receiving'`,
  )
  const listRequests = prepare<RequestRow>(
    database,
    `SELECT * FROM requests WHERE tenant = ?1 AND id < coalesce(?2, 'g') AND state <> 'receiving'
       AND (?3 IS NULL OR state = ?3) AND (?4 IS NULL OR priority = ?4)
       AND (?5 IS NULL OR created_at > ?5)
     ORDER BY id DESC LIMIT ?6`,
  )
  const inRange = (holding: string) =>
    prepare<BatchRow>(
      database,
      `SELECT b.lane, b.first, b.last, b.count, p.ordinals, p.mappings, v.verdicts
       FROM requests r JOIN batches b ON b.request = r.seq AND b.first < ?3 AND b.first >= ?4
         JOIN payloads p ON p.batch = b.id LEFT JOIN verdicts v ON v.batch = b.id
       WHERE r.tenant = ?1 AND r.id = ?2 AND r.state <> 'receiving' AND b.last >= ?5 ${holding}
       ORDER BY b.first`,
    )
  const any = inRange('')
  const holding = {
    pending: inRange(HOLDING.pending),
    completed: inRange(HOLDING.completed),
    failed: inRange(HOLDING.failed),
    cancelled: inRange(HOLDING.cancelled),
  }
  const receivedIn = prepare<OrdinalsRow & { readonly mappings: string }>(
    database,
    `SELECT b.first, b.last, b.count, p.ordinals, p.mappings
     FROM requests r JOIN batches b ON b.request = r.seq AND b.first < ?3 AND b.first >= ?4
       JOIN payloads p ON p.batch = b.id
     WHERE r.tenant = ?1 AND r.id = ?2 AND r.receiving_until > 0 AND b.last >= ?5 ORDER BY b.first`,
  )
  const countActive = prepare<{ n: number }>(
    database,
    `SELECT count(*) AS n FROM requests WHERE finished_at IS NULL AND state <> 'receiving'`,
  )
  const countOpen = prepare<{ n: number }>(
    database,
    'SELECT coalesce(sum(mappings), 0) AS n FROM flows',
  )

  function request(tenant: string, id: string): Request | null {
    const row = findRequest.get(tenant, id)
    return row === undefined ? null : toRequest(row)
  }

  function requests(tenant: string, filter: RequestFilter): readonly Request[] {
    const { before, state, priority, createdAfter, limit } = filter
    return listRequests.all(tenant, before, state, priority, createdAfter, limit).map(toRequest)
  }

  function batches(tenant: string, id: string, range: BatchRange): readonly StoredBatch[] {
    const { from, to, state } = range
    const statement = state === null ? any : holding[state]
    return statement.all(tenant, id, to, from - ORDINAL_SPAN_MAX, from).map(toBatch)
  }

  function received({ tenant, id }: RequestName, from: number, to: number) {
    const rows = receivedIn.all(tenant, id, to, from - ORDINAL_SPAN_MAX, from)
    return rows.map((row) => ({ ordinals: toOrdinals(row), mappings: row.mappings }))
  }

  function totals(): Totals {
    return { activeRequests: countActive.get()?.n ?? 0, openMappings: countOpen.get()?.n ?? 0 }
  }

  return { request, requests, batches, received, totals }
}
