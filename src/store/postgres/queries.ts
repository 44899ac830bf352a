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
import type { Database } from './database.ts'
import { FIND_KEY } from './intake-statements.ts'

const REQUEST = `SELECT * FROM requests WHERE tenant = $1 AND id = $2 AND state <> 'receiving'`

/** Which batches hold a mapping that stands so. */
const HOLDING: Readonly<Record<MappingState, string>> = {
  pending: 'AND coalesce(v.completed + v.failed + v.cancelled, 0) < p.count',
  completed: 'AND v.completed > 0',
  failed: 'AND v.failed > 0',
  cancelled: 'AND v.cancelled > 0',
}

const BATCH = `
  p.lane, p.first, p.last, p.count, p.ordinals, p.mappings, v.verdicts,
    CASE WHEN r.closing IS NOT NULL AND NOT EXISTS (SELECT 1 FROM batches b WHERE b.id = p.batch)
      THEN r.closing END AS closing, r.closing_at`

const batchesIn = (holding: string) => `
  SELECT ${BATCH}
  FROM requests r JOIN payloads p ON p.request = r.seq AND p.first < $3 AND p.first >= $4
    LEFT JOIN verdicts v ON v.batch = p.batch
  WHERE r.tenant = $1 AND r.id = $2 AND r.state <> 'receiving' AND p.last >= $5 ${holding}
  ORDER BY p.first`

const FIRST_BATCHES = `
  SELECT r.id, ${BATCH}
  FROM requests r JOIN payloads p ON p.request = r.seq AND p.first = 0
    LEFT JOIN verdicts v ON v.batch = p.batch
  WHERE r.tenant = $1 AND r.id = ANY ($2::text[]) AND r.state <> 'receiving'`

const RECEIVED = `
  SELECT p.first, p.last, p.count, p.ordinals, p.mappings
  FROM requests r JOIN payloads p ON p.request = r.seq AND p.first < $3 AND p.first >= $4
  WHERE r.tenant = $1 AND r.id = $2 AND r.receiving_until IS DISTINCT FROM 0 AND p.last >= $5
  ORDER BY p.first`

const FAILURES = `
  SELECT g.target, g.code, g.http_status, g.count, g.sample, g.message
  FROM requests r JOIN failure_groups g ON g.request = r.seq
  WHERE r.tenant = $1 AND r.id = $2 ORDER BY g.count DESC, g.target, g.code, g.http_status`

/** As many of them as may be given at once. How long a text is, is known without reading it. */
const some = (batches: string) => `
  SELECT * FROM (
    SELECT *, sum(own) OVER (ORDER BY first) AS length FROM (
      SELECT *, octet_length(mappings) + coalesce(octet_length(verdicts), 0) AS own
      FROM (${batches}) b) o) l
  WHERE length - own < ${BATCHES_LENGTH_MAX} ORDER BY first`

interface SomeRow extends BatchRow {
  /** In bytes, together with those before it. */
  readonly length: number
}

/** A callback is an open request of one mapping in one lane. */
const TOTALS = `
  SELECT (SELECT count(*) FROM requests WHERE finished_at IS NULL AND state <> 'receiving')
      - coalesce(sum(requests) FILTER (WHERE callback), 0)::bigint AS "activeRequests",
    coalesce(sum(mappings) FILTER (WHERE NOT callback), 0)::bigint AS "openMappings"
  FROM (SELECT *, lane > '${CALLBACK_NAMES.from}' AND lane < '${CALLBACK_NAMES.to}' AS callback
    FROM flows) f`

interface ReceivedRow extends OrdinalsRow {
  readonly mappings: string
}

/** Reads what people ask for; nothing here writes. */
export function queryOperations(database: Database) {
  async function request(tenant: string, id: string): Promise<Request | null> {
    const [row] = await database.query<RequestRow>(REQUEST, [tenant, id])
    return row === undefined ? null : toRequest(row)
  }

  async function keyed(tenant: string, key: string): Promise<Keyed | null> {
    const [row] = await database.query<KeyRow>(FIND_KEY, [tenant, key])
    return row === undefined ? null : toKeyed(row)
  }

  async function batches(tenant: string, id: string, range: BatchRange): Promise<SomeBatches> {
    const { from, to, reaching, state } = range
    const sql = some(batchesIn(state === null ? '' : HOLDING[state]))
    const rows = await database.query<SomeRow>(sql, [tenant, id, to, from, reaching])
    const last = rows.at(-1)
    const isCut = last !== undefined && last.length >= BATCHES_LENGTH_MAX
    return { batches: rows.map(toBatch), next: isCut ? last.first + 1 : to }
  }

  async function firstBatches(
    tenant: string,
    ids: readonly string[],
  ): Promise<ReadonlyMap<string, StoredBatch>> {
    const rows = await database.query<BatchRow & { id: string }>(FIRST_BATCHES, [tenant, ids])
    return new Map(rows.map((row) => [row.id, toBatch(row)]))
  }

  async function failures(tenant: string, id: string): Promise<readonly FailureGroup[]> {
    return (await database.query<FailureRow>(FAILURES, [tenant, id])).map(toFailureGroup)
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

  return { request, keyed, batches, firstBatches, received, failures, totals }
}
