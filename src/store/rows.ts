/** What both stores' rows are to the port: their columns have the same names and meanings. */
import { type FailureGroup, REST_CODE } from '../core/failures.ts'
import type { Gate } from '../core/gate.ts'
import { NO_OVERRIDE } from '../core/limits.ts'
import type { Priority } from '../core/mapping.ts'
import type { Closing, Request, RequestState } from '../core/request.ts'
import type { DurationMs } from '../core/units.ts'
import type { EarlierRequest, Keyed, Ordinals, StoredBatch, SystemControl } from './store.ts'

/** How many batches of a lane are looked at to tell where a new one would stand: bounds what it costs. */
export const BATCHES_COUNTED_MAX = 1000

/** How many waiting batches and requests are counted: bounds what a look at a system costs. */
export const WAITING_MAX = 10_000
export const UNRELEASED_MAX = 1000

/** How many closed requests are named at once: the latest, of which workers have not heard yet. */
export const CLOSING_MAX = 1000

export interface RequestRow {
  readonly seq: number
  readonly id: string
  readonly tenant: string
  readonly priority: Priority
  readonly state: RequestState
  readonly total: number
  /** How many of its batches are not done. */
  readonly open: number
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
  readonly not_before: number | null
  readonly expires_at: number | null
  readonly callback_url: string | null
  readonly retry_of: string | null
  readonly closing: Closing | null
  readonly closing_at: number | null
  readonly closing_from: number | null
  /** Null where its batches have been ranked. */
  readonly release_at: number | null
}

/** How long an Idempotency-Key is remembered, whatever becomes of its request. */
export const KEY_LIFETIME_MS: DurationMs = 86_400_000

/** How long it is kept what a worker tells of a receiver of callbacks: anyone may name another one. */
export const RECEIVER_REPORT_LIFETIME_MS: DurationMs = 86_400_000

/** The request that an idempotency key was used for; it may be deleted. */
export interface KeyRow {
  readonly id: string
  readonly total: number
  /** Of its body; empty while it is received. */
  readonly fingerprint: string
  /** Null where it is complete, or deleted. */
  readonly receiving_until: number | null
}

/** What a key stands for, as the port has it. */
export function toKeyed({ id, fingerprint, receiving_until }: KeyRow): Keyed {
  return { request: id, fingerprint, isReceiving: receiving_until !== null }
}

/** What of an earlier request is told to whoever comes with its key. */
export function toEarlier({ id, total }: KeyRow): EarlierRequest {
  return { id, total }
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
    terms: {
      notBefore: row.not_before,
      expiresAt: row.expires_at,
      callbackUrl: row.callback_url,
      retryOf: row.retry_of,
    },
    closing: row.closing,
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

export interface BatchRow extends OrdinalsRow {
  readonly lane: string
  readonly mappings: string
  readonly verdicts: string | null
  /** Of its request, where the batch is done; null where it is not. */
  readonly closing: Closing | null
  readonly closing_at: number | null
}

/** A batch as the port has it. */
export function toBatch(row: BatchRow): StoredBatch {
  const { lane, mappings, verdicts, closing, closing_at: at } = row
  const closed = closing === null || at === null ? null : { as: closing, at }
  return { lane, ordinals: toOrdinals(row), mappings, verdicts, closed }
}

/** The key of the group that holds the rest: no system has this name. */
export const REST = { target: '', code: REST_CODE, httpStatus: 0 } as const

export interface FailureRow {
  readonly target: string
  readonly code: string
  /** 0 for none. */
  readonly http_status: number
  readonly count: number
  readonly sample: string
  readonly message: string
}

/** A group of failures as the port has it. */
export function toFailureGroup(row: FailureRow): FailureGroup {
  const { target, code, http_status: httpStatus, count, sample, message } = row
  return {
    target: target === REST.target ? null : target,
    code,
    httpStatus: httpStatus === 0 ? null : httpStatus,
    count,
    sample,
    message,
  }
}

export interface SystemRow {
  readonly system: string
  readonly state: NonNullable<Gate>['state'] | null
  readonly until: number | null
  readonly reason: string | null
  readonly concurrency: number | null
  readonly rate: string | null
  readonly paused: 0 | 1
}

/** How a system may be called, as the port has it. */
export function toControl(row: SystemRow): SystemControl {
  const { system, state, until, reason, concurrency, rate, paused } = row
  const gate = state === null || until === null ? null : { state, until, reason: reason ?? '' }
  const override = {
    concurrency,
    rate: rate === null ? null : JSON.parse(rate),
    paused: paused === 1,
  }
  return { system, gate, override }
}

/** A system of which nothing is known. */
export function plain(system: string): SystemControl {
  return { system, gate: null, override: NO_OVERRIDE }
}
