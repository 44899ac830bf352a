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
import type { Database } from './database.ts'

const REQUEST = `SELECT * FROM requests WHERE tenant = $1 AND id = $2 AND state <> 'receiving'`

const REQUESTS = `
  SELECT * FROM requests
  WHERE tenant = $1 AND id < coalesce($2, 'g') AND state <> 'receiving'
    AND ($3::text IS NULL OR state = $3) AND ($4::text IS NULL OR priority = $4)
    AND ($5::bigint IS NULL OR created_at > $5)
  ORDER BY id DESC LIMIT $6`

/** Which batches hold a mapping that stands so. */
const HOLDING: Readonly<Record<MappingState, string>> = {
  pending: 'AND coalesce(v.completed + v.failed + v.cancelled, 0) < p.count',
  completed: 'AND v.completed > 0',
  failed: 'AND v.failed > 0',
  cancelled: 'AND v.cancelled > 0',
}

const batchesIn = (holding: string) => `
  SELECT p.lane, p.first, p.last, p.count, p.ordinals, p.mappings, v.verdicts
  FROM requests r JOIN payloads p ON p.request = r.seq AND p.first < $3 AND p.first >= $4
    LEFT JOIN verdicts v ON v.batch = p.batch
  WHERE r.tenant = $1 AND r.id = $2 AND r.state <> 'receiving' AND p.last >= $5 ${holding}
  ORDER BY p.first`

const RECEIVED = `
  SELECT p.first, p.last, p.count, p.ordinals, p.mappings
  FROM requests r JOIN payloads p ON p.request = r.seq AND p.first < $3 AND p.first >= $4
  WHERE r.tenant = $1 AND r.id = $2 AND r.receiving_until > 0 AND p.last >= $5 ORDER BY p.first`

const TOTALS = `
  SELECT (SELECT count(*) FROM requests WHERE finished_at IS NULL AND state <> 'receiving')
      AS "activeRequests",
    (SELECT coalesce(sum(mappings), 0)::bigint FROM flows) AS "openMappings"`

interface ReceivedRow extends OrdinalsRow {
  readonly mappings: string
}

/** Reads what people ask for; nothing here writes. */
export function queryOperations(database: Database) {
  async function request(tenant: string, id: string): Promise<Request | null> {
    const [row] = await database.query<RequestRow>(REQUEST, [tenant, id])
    return row === undefined ? null : toRequest(row)
  }

  async function requests(tenant: string, filter: RequestFilter): Promise<readonly Request[]> {
    const { before, state, priority, createdAfter, limit } = filter
    const parameters = [tenant, before, state, priority, createdAfter, limit]
    return (await database.query<RequestRow>(REQUESTS, parameters)).map(toRequest)
  }

  async function batches(
    tenant: string,
    id: string,
    { from, to, state }: BatchRange,
  ): Promise<readonly StoredBatch[]> {
    const sql = batchesIn(state === null ? '' : HOLDING[state])
    const parameters = [tenant, id, to, from - ORDINAL_SPAN_MAX, from]
    return (await database.query<BatchRow>(sql, parameters)).map(toBatch)
  }

  async function received({ tenant, id }: RequestName, from: number, to: number) {
    const parameters = [tenant, id, to, from - ORDINAL_SPAN_MAX, from]
    const rows = await database.query<ReceivedRow>(RECEIVED, parameters)
    return rows.map((row) => ({ ordinals: toOrdinals(row), mappings: row.mappings }))
  }

  async function totals(): Promise<Totals> {
    const [row] = await database.query<Totals>(TOTALS, [])
    return row ?? { activeRequests: 0, openMappings: 0 }
  }

  return { request, requests, batches, received, totals }
}
