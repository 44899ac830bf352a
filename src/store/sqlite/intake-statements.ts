import type { DatabaseSync } from 'node:sqlite'
import type { EpochMs } from '../../core/units.ts'
import type { KeyRow } from '../rows.ts'
import type { NewBatch, RejectedBatch, RequestOutline } from '../store.ts'
import { prepare } from './database.ts'
import { virtualTimeIn } from './virtual-time.ts'

/** What a request's row says at first, beyond its outline. */
interface Beginning {
  readonly state: 'pending' | 'receiving'
  readonly total: number
  /** How many batches it has. */
  readonly open: number
  readonly lanes: readonly string[]
  readonly sources: Readonly<Record<string, number>>
  readonly receivingUntil: EpochMs | null
  readonly releaseAt: EpochMs | null
}

/** A batch's place in its lane; while it is staged, in mappings of its request. */
interface Place {
  readonly state: 'staged' | 'ready'
  readonly start: number
  readonly rank: number
}

/** What a key was used for: its request, or what is remembered of one that was deleted. */
export const FIND_KEY = `
  SELECT coalesce(k.id, r.id) AS id, coalesce(k.total, r.total) AS total, k.fingerprint,
    CASE WHEN k.id IS NULL THEN r.receiving_until END AS receiving_until
  FROM idempotency_keys k LEFT JOIN requests r ON r.seq = k.request
  WHERE k.tenant = ? AND k.key = ?`

/** By what requests and their batches are written, whichever way they come in. */
export function intakeStatements(database: DatabaseSync) {
  const findKey = prepare<KeyRow>(database, FIND_KEY)
  const putKey = prepare(
    database,
    `INSERT OR REPLACE INTO idempotency_keys (tenant, key, fingerprint, request, created_at)
     VALUES (?, ?, ?, ?, ?)`,
  )
  const putRequest = prepare(
    database,
    `INSERT INTO requests (id, tenant, priority, state, total, open, created_at, metadata, lanes,
       sources, not_before, expires_at, callback_url, retry_of, receiving_until, release_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const findFlow = prepare<{ requests: number }>(
    database,
    'SELECT requests FROM flows WHERE lane = ? AND tenant = ? AND priority = ?',
  )
  const growFlow = prepare(
    database,
    `INSERT INTO flows VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
     SET requests = requests + excluded.requests, mappings = mappings + excluded.mappings`,
  )
  const openLane = prepare(database, 'INSERT INTO request_lanes VALUES (?, ?, ?)')
  const putBatch = prepare(
    database,
    `INSERT INTO batches (request, lane, state, start, rank, first, last, count)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const putPayload = prepare(database, 'INSERT INTO payloads VALUES (?, ?, ?)')
  const putRejected = prepare(
    database,
    `INSERT INTO batches (request, lane, state, start, rank, first, last, count, failed)
     VALUES (?1, ?2, 'done', 0, 0, ?3, ?4, ?5, ?5)`,
  )
  const putVerdicts = prepare(database, 'INSERT INTO verdicts VALUES (?, ?)')
  const countFailures = prepare(
    database,
    `INSERT INTO failure_groups VALUES (?, ?, ?, 0, ?, ?, ?) ON CONFLICT DO UPDATE
     SET count = count + excluded.count, message = excluded.message`,
  )

  return {
    findKey,
    putKey,
    findFlow,
    growFlow,
    openLane,
    virtualTime: virtualTimeIn(database),

    /** Gives the number of the request. */
    insertRequest({ terms, ...outline }: RequestOutline, beginning: Beginning): number {
      return putRequest.insert(
        outline.id,
        outline.tenant,
        outline.priority,
        beginning.state,
        beginning.total,
        beginning.open,
        outline.createdAt,
        JSON.stringify(outline.metadata),
        JSON.stringify(beginning.lanes),
        JSON.stringify(beginning.sources),
        terms.notBefore,
        terms.expiresAt,
        terms.callbackUrl,
        terms.retryOf,
        beginning.receivingUntil,
        beginning.releaseAt,
      )
    },

    insertBatch(request: number, batch: NewBatch, { state, start, rank }: Place): void {
      const { first, last, count, list } = batch.ordinals
      const id = putBatch.insert(request, batch.lane, state, start, rank, first, last, count)
      putPayload.run(id, list && JSON.stringify(list), batch.mappings)
    },

    insertRejected(request: number, batch: RejectedBatch): void {
      const { first, last, count, list } = batch.ordinals
      const id = putRejected.insert(request, batch.lane, first, last, count)
      putPayload.run(id, list && JSON.stringify(list), batch.mappings)
      putVerdicts.run(id, batch.verdicts)
      countFailures.run(request, batch.lane, batch.code, count, batch.sample, batch.message)
    },
  }
}

/** How many mappings some batches hold. */
export function mappingsIn(batches: readonly NewBatch[]): number {
  return batches.reduce((sum, { ordinals }) => sum + ordinals.count, 0)
}
