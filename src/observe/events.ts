import type { ClosedGate } from '../core/gate.ts'
import type { Override } from '../core/limits.ts'
import type { Priority } from '../core/mapping.ts'
import type { Closing, RequestState } from '../core/request.ts'
import type { DurationMs } from '../core/units.ts'

/** Everything worth telling, told once, after it is true. */
export type Event =
  | {
      readonly event: 'started'
      /** Null where it answers nowhere: a worker without a port. */
      readonly url: string | null
      readonly store: string
      readonly mode: string
      readonly role: string
    }
  | { readonly event: 'draining'; readonly deadlineMs: DurationMs }
  | { readonly event: 'stopped' }
  | {
      readonly event: 'request_accepted'
      readonly request: string
      readonly tenant: string
      readonly priority: Priority
      readonly mappings: number
      readonly batches: number
      readonly durationMs: DurationMs
    }
  | {
      readonly event: 'request_finished'
      readonly request: string
      readonly tenant: string
      readonly state: RequestState
      readonly total: number
      readonly failed: number
      readonly durationMs: DurationMs
    }
  /** Nothing more of it starts: it was cancelled, or its time is over. */
  | {
      readonly event: 'request_closed'
      readonly request: string
      readonly tenant: string
      readonly closing: Closing
    }
  /** Who wanted to know of the end of a request was told of it. */
  | ({ readonly event: 'callback_delivered' } & ToldCallback)
  /** Who wanted to know of the end of a request will not be told of it. */
  | ({
      readonly event: 'callback_failed'
      readonly code: string
      readonly message: string
      readonly httpStatus: number | null
    } & ToldCallback)
  /** A receiver has answered that it is gone: until an operator says so, it is not called again. */
  | {
      readonly event: 'callback_disabled'
      readonly request: string
      readonly tenant: string
      /** Its lane. Its URL may hold a secret of its own, and is in the status of the request. */
      readonly system: string
    }
  | {
      readonly event: 'http_answered'
      readonly method: string
      readonly route: string
      readonly status: number
      readonly durationMs: DurationMs
      /** Names the answer in the problem document, where it is one. */
      readonly instance: string
    }
  /** A bug: the answer was a 500. Its `instance` is in the problem document. */
  | { readonly event: 'http_failed'; readonly instance: string; readonly error: unknown }
  | { readonly event: 'worker_joined'; readonly worker: string }
  /** It could not beat in time, and let go of what it held. */
  | { readonly event: 'worker_lost'; readonly worker: string }
  | { readonly event: 'batches_rescued'; readonly worker: string; readonly batches: number }
  /** A request's counters, or its failure groups, did not agree with its batches. A bug, mended. */
  | { readonly event: 'request_repaired'; readonly request: string }
  | { readonly event: 'requests_deleted'; readonly requests: number }
  | { readonly event: 'gate_closed'; readonly system: string; readonly gate: ClosedGate }
  | { readonly event: 'gate_opened'; readonly system: string }
  /** By an operator; null is as in the systems file. */
  | { readonly event: 'system_changed'; readonly system: string; readonly override: Override }
  | { readonly event: 'system_resumed'; readonly system: string }
  /** A write came too late: another worker has the batch. */
  | { readonly event: 'settlement_refused'; readonly batch: number }
  | { readonly event: 'store_unavailable'; readonly message: string }
  /** The process that computes expressions could not be started; mappings with any wait for it. */
  | { readonly event: 'transformer_unavailable'; readonly message: string }

interface ToldCallback {
  readonly request: string
  readonly tenant: string
  /** The lane of its receiver. */
  readonly system: string
  readonly attempts: number
  /** Of the last call; 0 where it did not end with one. */
  readonly durationMs: DurationMs
}

/** Never throws and never waits. */
export type Emit = (event: Event) => void
