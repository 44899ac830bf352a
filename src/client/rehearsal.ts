/** What travels about a request that is only checked. */
import type { Open, Problem } from './problem.ts'
import type { SystemGate } from './system.ts'
import type { Json, JsonObject, Priority, ResultError } from './wire.ts'

/** What would come of a request, were it handed in now. Nothing of it is kept. */
export interface Rehearsal {
  /**
   * `replayed`: the first answer to its idempotency key would come again. `refused`: it is good, and
   * would be turned away now.
   */
  readonly would_be: 'accepted' | 'replayed' | 'refused'
  /** The request that its idempotency key stands for. */
  readonly replay_of: string | null
  /** Why it would be turned away. */
  readonly problem: Problem | null
  readonly total_mappings: number
  /** How many of these are not good, and would fail; none, unless bad ones are to be skipped. */
  readonly skipped_mappings: number
  readonly priority: Priority
  readonly batches: number
  /** How many mappings a batch holds at most. */
  readonly batch_size: number
  /** That of the lane that takes longest; null where one cannot be told. */
  readonly predicted_seconds: number | null
  /** One for each target. */
  readonly lanes: readonly RehearsedLane[]
  /** The first five. */
  readonly mappings: readonly RehearsedMapping[]
}

/** What a request would take at one of its targets. */
export interface RehearsedLane {
  readonly target: string
  readonly kind: string
  readonly mappings: number
  readonly batches: number
  /** The systems that hold its records. */
  readonly reads_from: readonly string[]
  /** Null where nobody can tell: a gate is closed that does not open by itself. */
  readonly predicted_seconds: number | null
  /** What takes most of that time. */
  readonly bounded_by: 'rate' | 'concurrency' | 'backlog' | 'gate' | 'not_before'
  /** How that is reckoned, for a person. */
  readonly because: string
  /** How many of those that are open already go before its last one. */
  readonly mappings_before: number
  readonly gate: SystemGate
  readonly limits: {
    readonly concurrency: number
    readonly rate: readonly string[]
    readonly learned_rate: number | null
    readonly mappings_per_call: number
  }
  /** How long a call has taken of late; null where nobody knows. */
  readonly call_ms: number | null
}

/** How a mapping would be carried out. What is secret is `***`. */
export interface RehearsedMapping {
  readonly id: string
  readonly source: string
  readonly target: string
  /** Where its record comes from; null where that is not known. */
  readonly record: 'data' | 'source' | 'none' | null
  /** What would be written; null where that is not known. */
  readonly payload: Json
  /** JSON pointers into the payload, to what only the record can tell. */
  readonly depends_on_record: readonly string[]
  /** The call that would read the record, in the form of its kind. */
  readonly read: JsonObject | null
  readonly write: {
    /** Those of the mappings shown that would share the call. */
    readonly mappings: readonly string[]
    readonly holds_up_to: number
    /** In the form of its kind; of `http` the method, url, headers and body. */
    readonly call: JsonObject
  } | null
  /** What it would fail with. */
  readonly error: RehearsedError | null
  /** Why something is not shown. */
  readonly notes: readonly string[]
}

export interface RehearsedError {
  readonly code: ResultError['code']
  readonly message: string
  readonly stage: Open<ResultError['stage']>
}
