import type { DatabaseSync } from 'node:sqlite'
import { ORDINAL_SPAN_MAX } from '../../core/batch.ts'
import { CALLBACK_NAMES } from '../../core/callback.ts'
import type { FailureGroup } from '../../core/failures.ts'
import type { Request } from '../../core/request.ts'
import type { MappingState } from '../../core/verdict.ts'
import {
  type BatchRow,
  type FailureRow,
  type KeyRow,
  type OrdinalsRow,
  type RequestRow,
  toBatch,
  toFailureGroup,
  toKeyed,
  toOrdinals,
  toRequest,
} from '../rows.ts'
import {
  BATCHES_LENGTH_MAX,
  type BatchRange,
  type Keyed,
  type RequestName,
  type SomeBatches,
  type StoredBatch,
  type Totals,
} from '../store.ts'
import { prepare } from './database.ts'
import { FIND_KEY } from './intake-statements.ts'

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
  const findKey = prepare<KeyRow>(database, FIND_KEY)
  const inRange = (holding: string) =>
    prepare<BatchRow>(
      database,
      `SELECT b.lane, b.first, b.last, b.count, p.ordinals, p.mappings, v.verdicts,
         CASE b.state WHEN 'done' THEN r.closing END AS closing, r.closing_at
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
     WHERE r.tenant = ?1 AND r.id = ?2 AND r.receiving_until IS NOT 0 AND b.last >= ?5 ORDER BY b.first`,
  )
  const findFailures = prepare<FailureRow>(
    database,
    `SELECT g.target, g.code, g.http_status, g.count, g.sample, g.message
     FROM requests r JOIN failure_groups g ON g.request = r.seq
     WHERE r.tenant = ? AND r.id = ? ORDER BY g.count DESC, g.target, g.code, g.http_status`,
  )
  const countActive = prepare<{ n: number }>(
    database,
    `SELECT count(*) AS n FROM requests WHERE finished_at IS NULL AND state <> 'receiving'`,
  )
  // A callback is an open request of one mapping in one lane.
  const countOpen = prepare<{ mappings: number; callbacks: number }>(
    database,
    `SELECT coalesce(sum(mappings) FILTER (WHERE NOT callback), 0) AS mappings,
       coalesce(sum(requests) FILTER (WHERE callback), 0) AS callbacks
     FROM (SELECT *, lane > '${CALLBACK_NAMES.from}' AND lane < '${CALLBACK_NAMES.to}' AS callback
       FROM flows)`,
  )

  function request(tenant: string, id: string): Request | null {
    const row = findRequest.get(tenant, id)
    return row === undefined ? null : toRequest(row)
  }

  function keyed(tenant: string, key: string): Keyed | null {
    const row = findKey.get(tenant, key)
    return row === undefined ? null : toKeyed(row)
  }

  function batches(tenant: string, id: string, range: BatchRange): SomeBatches {
    const { from, to, reaching, state } = range
    const statement = state === null ? any : holding[state]
    const found: StoredBatch[] = []
    let length = 0
    for (const row of statement.iterate(tenant, id, to, from, reaching)) {
      found.push(toBatch(row))
      length += row.mappings.length + (row.verdicts?.length ?? 0)
      if (length >= BATCHES_LENGTH_MAX) return { batches: found, next: row.first + 1 }
    }
    return { batches: found, next: to }
  }

  function firstBatches(tenant: string, ids: readonly string[]): ReadonlyMap<string, StoredBatch> {
    const found = ids.flatMap((id): [string, StoredBatch][] => {
      const row = any.get(tenant, id, 1, 0, 0)
      return row === undefined ? [] : [[id, toBatch(row)]]
    })
    return new Map(found)
  }

  function failures(tenant: string, id: string): readonly FailureGroup[] {
    return findFailures.all(tenant, id).map(toFailureGroup)
  }

  function received({ tenant, id }: RequestName, from: number, to: number) {
    const rows = receivedIn.all(tenant, id, to, from - ORDINAL_SPAN_MAX, from)
    return rows.map((row) => ({ ordinals: toOrdinals(row), mappings: row.mappings }))
  }

  function totals(): Totals {
    const { mappings, callbacks } = countOpen.get() ?? { mappings: 0, callbacks: 0 }
    return { activeRequests: (countActive.get()?.n ?? 0) - callbacks, openMappings: mappings }
  }

  return { request, keyed, batches, firstBatches, received, failures, totals }
}
