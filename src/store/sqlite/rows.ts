import type { Priority } from '../../core/mapping.ts'
import type { Request, RequestState } from '../../core/request.ts'
import type { Ordinals } from '../store.ts'

export interface RequestRow {
  readonly seq: number
  readonly id: string
  readonly tenant: string
  readonly priority: Priority
  readonly state: RequestState
  readonly total: number
  readonly completed: number
  readonly failed: number
  readonly cancelled: number
  readonly created_at: number
  readonly started_at: number | null
  readonly finished_at: number | null
  readonly metadata: string
  readonly lanes: string
  readonly sources: string
  readonly marked_at: number | null
  readonly earlier_at: number | null
  readonly earlier: number
}

/** A request as the port has it. */
export function toRequest(row: RequestRow): Request {
  return {
    id: row.id,
    tenant: row.tenant,
    priority: row.priority,
    state: row.state,
    total: row.total,
    completed: row.completed,
    failed: row.failed,
    cancelled: row.cancelled,
    createdAt: row.created_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    metadata: JSON.parse(row.metadata),
    pace: row.earlier_at === null ? null : { at: row.earlier_at, processed: row.earlier },
  }
}

export interface OrdinalsRow {
  readonly first: number
  readonly last: number
  readonly count: number
  readonly ordinals: string | null
}

/** The places of a batch's mappings as the port has them. */
export function toOrdinals({ first, last, count, ordinals }: OrdinalsRow): Ordinals {
  return { first, last, count, list: ordinals === null ? null : JSON.parse(ordinals) }
}
