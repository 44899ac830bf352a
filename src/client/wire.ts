/**
 * What travels between a client and Sluice, field for field. Times are RFC 3339 in UTC, with
 * milliseconds. An answer may carry fields that are not named here.
 */

import type { Open } from './problem.ts'
import type { GateState } from './system.ts'

/** Any value JSON can carry. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject

export interface JsonObject {
  readonly [key: string]: Json
}

/** From the most to the least urgent. */
export const PRIORITIES = ['HIGH', 'MEDIUM', 'LOW'] as const
export type Priority = (typeof PRIORITIES)[number]

/** The last three are final. */
export const REQUEST_STATES = [
  'pending',
  'in_progress',
  'completed',
  'failed',
  'cancelled',
] as const
export type RequestState = (typeof REQUEST_STATES)[number]

/** What a mapping may be; `pending` stands for everything that is not final. */
export const MAPPING_STATES = ['pending', 'completed', 'failed', 'cancelled'] as const
export type MappingState = (typeof MAPPING_STATES)[number]

/** "Move this from `source`, through `transformation`, to `target`". */
export interface Mapping {
  /** Unique in its request; 1 to 256 characters. */
  readonly id: string
  readonly source: string
  readonly target: string
  readonly transformation?: JsonObject
  /** The record itself; when it is there, the source is not asked. */
  readonly data?: Json
}

/** The body of `POST /ingest`. */
export interface IngestRequest {
  readonly mappings: readonly Mapping[]
  /** MEDIUM unless told. */
  readonly priority?: Priority
  /** 1 to 1000; Sluice chooses unless told. */
  readonly batch_size?: number
  /** Handed back in every status. At most 16 keys. */
  readonly metadata?: Readonly<Record<string, string>>
  /** Where Sluice tells that the request is finished. */
  readonly callback_url?: string
  /** RFC 3339; nothing of it starts before. */
  readonly not_before?: string
  /** `2h`, or `PT2H`; what is still open then fails, as `expired`. */
  readonly expires_in?: string
  /** The id of an earlier request, whose failures this one carries out again. */
  readonly retry_of?: string
}

/** The answer to a request that was taken: it is on disk. */
export interface Receipt {
  readonly request_id: string
  readonly status: RequestState
  readonly message: string
  readonly total_mappings: number
  /** How many of them were not good, and are among the results as failed; where that was asked for. */
  readonly skipped_mappings?: number
}

/** The answer to a retry that was taken. */
export interface RetryReceipt extends Receipt {
  readonly retry_of: string
}

/** Where a request stands. */
export interface RequestStatus {
  readonly request_id: string
  readonly status: RequestState
  /** Whole percent; 100 only when finished. */
  readonly progress: number
  readonly total_mappings: number
  /** Mappings with a final verdict; the failed ones are among them. */
  readonly processed_mappings: number
  readonly failed_mappings: number
  readonly completed_mappings: number
  readonly cancelled_mappings: number
  /** One sentence for a person. */
  readonly details: string | null
  readonly priority: Priority
  readonly created_at: string
  readonly started_at: string | null
  readonly finished_at: string | null
  /** Null where there is no pace yet to reckon with. */
  readonly eta_seconds: number | null
  /** Why it is not moving; empty while it is. */
  readonly waiting_on: readonly Waiting[]
  /** The request whose failures this one carries out again. */
  readonly retry_of: string | null
  /** Who is told of the end, and what has become of that; it may change after the request is finished. */
  readonly callback: Callback | null
  readonly metadata: Readonly<Record<string, string>>
}

export interface Callback {
  readonly url: string
  /** The receiver of one that is disabled has answered that it is gone. */
  readonly state: 'pending' | 'delivered' | 'failed' | 'disabled'
  readonly attempts: number
  readonly last_error: {
    readonly code: string
    readonly message: string
    readonly http_status: number | null
  } | null
}

/** A system that lets nothing through, and how many mappings wait for it. */
export interface Waiting {
  readonly system: string
  readonly gate: Exclude<GateState, 'open'>
  readonly until: string | null
  readonly reason: string
  /** Null where some of the request's mappings, and not all, are read from it. */
  readonly mappings: number | null
}

/** Where one mapping stands. */
export interface Result {
  readonly id: string
  readonly source: string
  readonly target: string
  readonly status: MappingState
  readonly attempts: number
  /** What the target answered. */
  readonly result: Json
  /** Why it failed or, while it is pending, why its last attempt did. */
  readonly error: ResultError | null
  readonly finished_at: string | null
  readonly duration_ms: number | null
}

/** Why a mapping failed, or why its last attempt did. */
export interface ResultError {
  readonly code: Open<ResultErrorCode>
  readonly message: string
  readonly stage: 'read' | 'transform' | 'write'
  readonly http_status: number | null
  readonly attempts: number
}

/** The codes that Sluice itself gives; a kind of your own may have others. */
export type ResultErrorCode =
  | 'target_rejected'
  | 'target_unavailable'
  | 'target_unauthorized'
  | 'target_throttled'
  | 'source_rejected'
  | 'source_unavailable'
  | 'source_unauthorized'
  | 'source_throttled'
  | 'transformation_failed'
  | 'transformation_timeout'
  | 'transformation_crashed'
  | 'timeout'
  | 'connection_failed'
  | 'invalid_response'
  | 'invalid_payload'
  | 'invalid_routing_key'
  | 'unsafe_path'
  | 'invalid_record'
  | 'record_not_found'
  | 'not_configured'
  | 'address_not_allowed'
  | 'bulk_answers_unknown'
  | 'command_refused'
  | 'statement_refused'
  | 'invalid_url'
  | 'invalid_file'
  | 'too_many_records'
  | 'path_not_allowed'
  | 'no_such_directory'
  | 'no_such_exchange'
  | 'no_such_virtual_host'
  | 'invalid_mapping'
  | 'unknown_system'
  | 'expired'
  | 'poisoned'

/** Mappings of one request that failed in the same way, at the same target. */
export interface FailureGroup {
  /** Null of the one group that holds what is left over where there are very many. */
  readonly target: string | null
  readonly code: Open<ResultErrorCode | 'other'>
  readonly http_status: number | null
  /** What the last of them was told. */
  readonly message: string
  readonly count: number
  readonly sample_mapping_id: string
}

/** Results in submission order; `next_cursor` asks for those after them, null at the end. */
export interface ResultsPage {
  readonly request_id: string
  readonly status: RequestState
  readonly total_mappings: number
  readonly processed_mappings: number
  readonly failed_mappings: number
  readonly results: readonly Result[]
  readonly next_cursor: string | null
}

/** Requests, newest first; `next_cursor` asks for those before them, null at the end. */
export interface RequestList {
  readonly requests: readonly RequestStatus[]
  readonly next_cursor: string | null
}

export interface Health {
  readonly status: 'healthy' | 'unhealthy'
  readonly timestamp: string
  readonly active_requests: number
  readonly version: string
  readonly store: string
  /** `demo`: there is no systems file, and every name is a simulated system. */
  readonly mode: 'demo' | 'configured'
  readonly checks: JsonObject
}
