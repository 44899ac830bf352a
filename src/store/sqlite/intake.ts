import type { DatabaseSync } from 'node:sqlite'
import { rankStep } from '../../core/rank.ts'
import { type RequestRow, toRequest } from '../rows.ts'
import type { Inserted, NewBatch, NewRequest, WorkHint } from '../store.ts'
import { prepare } from './database.ts'
import { virtualTimeIn } from './virtual-time.ts'

/** @param hint told of every lane that got work, before the transaction is committed */
export function intakeOperations(database: DatabaseSync, hint: (hint: WorkHint) => void) {
  const findKey = prepare<RequestRow & { fingerprint: string }>(
    database,
    `SELECT r.*, k.fingerprint FROM idempotency_keys k JOIN requests r ON r.seq = k.request
     WHERE k.tenant = ? AND k.key = ?`,
  )
  const insertKey = prepare(
    database,
    'INSERT OR REPLACE INTO idempotency_keys VALUES (?, ?, ?, ?, ?)',
  )
  const insertRequest = prepare(
    database,
    `INSERT INTO requests (id, tenant, priority, state, total, created_at, metadata, lanes, sources,
       not_before, expires_at, callback_url, retry_of)
     VALUES (?, ?, ?, 'pending', ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const findFlow = prepare<{ requests: number }>(
    database,
    'SELECT requests FROM flows WHERE lane = ? AND tenant = ? AND priority = ?',
  )
  const growFlow = prepare(
    database,
    `INSERT INTO flows VALUES (?, ?, ?, 1, ?)
     ON CONFLICT DO UPDATE SET requests = requests + 1, mappings = mappings + excluded.mappings`,
  )
  const openLane = prepare(database, 'INSERT INTO request_lanes VALUES (?, ?, ?)')
  const virtualTime = virtualTimeIn(database)
  const insertBatch = prepare(
    database,
    `INSERT INTO batches (request, lane, state, start, rank, first, last, count)
     VALUES (?, ?, 'ready', ?, ?, ?, ?, ?)`,
  )
  const insertPayload = prepare(database, 'INSERT INTO payloads VALUES (?, ?, ?)')

  function insertInto(
    lane: string,
    batches: readonly NewBatch[],
    mappings: number,
    seq: number,
    request: NewRequest,
  ) {
    const { tenant, priority } = request
    const others = findFlow.get(lane, tenant, priority)?.requests ?? 0
    growFlow.run(lane, tenant, priority, mappings)
    let rank = virtualTime(lane)
    hint({ lane, rank: rank + rankStep(batches[0]?.ordinals.count ?? 0, others, priority) })
    for (const { ordinals, mappings: text } of batches) {
      const start = rank
      const { first, last, count, list } = ordinals
      rank += rankStep(count, others, priority)
      const id = insertBatch.insert(seq, lane, start, rank, first, last, count)
      insertPayload.run(id, list && JSON.stringify(list), text)
    }
  }

  function insert(request: NewRequest): Inserted {
    const { id, tenant, priority, idempotency, createdAt, terms } = request
    if (idempotency !== null) {
      const earlier = findKey.get(tenant, idempotency.key)
      if (earlier?.fingerprint === idempotency.fingerprint) {
        return { kind: 'replayed', request: toRequest(earlier) }
      }
      if (earlier !== undefined) return { kind: 'conflict' }
    }
    const lanes = Map.groupBy(request.batches, (batch) => batch.lane)
    const seq = insertRequest.insert(
      id,
      tenant,
      priority,
      request.total,
      createdAt,
      JSON.stringify(request.metadata),
      JSON.stringify([...lanes.keys()]),
      JSON.stringify(request.sources),
      terms.notBefore,
      terms.expiresAt,
      terms.callbackUrl,
      terms.retryOf,
    )
    if (idempotency !== null) {
      insertKey.run(tenant, idempotency.key, idempotency.fingerprint, seq, createdAt)
    }
    for (const [lane, batches] of lanes) {
      const mappings = batches.reduce((sum, batch) => sum + batch.ordinals.count, 0)
      if (lanes.size > 1) openLane.run(seq, lane, mappings)
      insertInto(lane, batches, mappings, seq, request)
    }
    return { kind: 'inserted' }
  }

  return { insert }
}
