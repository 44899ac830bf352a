import type { DatabaseSync } from 'node:sqlite'
import { rankStep } from '../../core/rank.ts'
import { toEarlier } from '../rows.ts'
import type { Inserted, NewBatch, NewRequest, WorkHint } from '../store.ts'
import { intakeStatements, mappingsIn } from './intake-statements.ts'

/** @param hint told of every lane that got work, before the transaction is committed */
export function intakeOperations(database: DatabaseSync, hint: (hint: WorkHint) => void) {
  const statements = intakeStatements(database)

  /** Puts batches of one lane in their places. */
  function queue(lane: string, batches: readonly NewBatch[], seq: number, request: NewRequest) {
    const { tenant, priority } = request
    const mappings = mappingsIn(batches)
    const others = statements.findFlow.get(lane, tenant, priority)?.requests ?? 0
    statements.growFlow.run(lane, tenant, priority, 1, mappings)
    let rank = statements.virtualTime(lane)
    hint({ lane, rank: rank + rankStep(batches[0]?.ordinals.count ?? 0, others, priority) })
    for (const batch of batches) {
      const start = rank
      rank += rankStep(batch.ordinals.count, others, priority)
      statements.insertBatch(seq, batch, { state: 'ready', start, rank })
    }
    return mappings
  }

  /** Keeps batches of one lane for the time that they will be ranked at. */
  function stage(lane: string, batches: readonly NewBatch[], seq: number, request: NewRequest) {
    let mappings = 0
    for (const batch of batches) {
      const start = mappings
      mappings += batch.ordinals.count
      statements.insertBatch(seq, batch, { state: 'staged', start, rank: mappings })
    }
    statements.growFlow.run(lane, request.tenant, request.priority, 0, mappings)
    return mappings
  }

  /** What a key that was used before says to another request. */
  function earlier({
    tenant,
    idempotency,
  }: NewRequest): Exclude<Inserted, { kind: 'inserted' }> | null {
    if (idempotency === null) return null
    const row = statements.findKey.get(tenant, idempotency.key)
    if (row === undefined) return null
    if (row.receiving_until !== null) return { kind: 'receiving' }
    if (row.fingerprint !== idempotency.fingerprint) return { kind: 'conflict' }
    return { kind: 'replayed', request: toEarlier(row) }
  }

  function insert(request: NewRequest): Inserted {
    const known = earlier(request)
    if (known !== null) return known
    const { tenant, idempotency, createdAt, total, sources } = request
    const releaseAt = request.terms.notBefore
    const lanes = Map.groupBy(request.batches, (batch) => batch.lane)
    const seq = statements.insertRequest(request, {
      state: 'pending',
      total,
      open: request.batches.length,
      lanes: [...lanes.keys()],
      sources,
      receivingUntil: null,
      releaseAt,
    })
    if (idempotency !== null) {
      statements.putKey.run(tenant, idempotency.key, idempotency.fingerprint, seq, createdAt)
    }
    if (releaseAt !== null) hint({ lane: null, rank: null })
    const put = releaseAt === null ? queue : stage
    for (const [lane, batches] of lanes) {
      const mappings = put(lane, batches, seq, request)
      if (lanes.size > 1) statements.openLane.run(seq, lane, mappings)
    }
    return { kind: 'inserted' }
  }

  return { insert }
}
