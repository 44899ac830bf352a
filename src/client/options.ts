import type { MappingState, Priority, RequestState, RequestStatus } from './wire.ts'

export interface SluiceOptions {
  /** `http://localhost:8000` unless told. */
  readonly baseUrl?: string
  /** Stands in for the global `fetch`. */
  readonly fetch?: typeof fetch
  /** How long one call may take, its whole answer included; 30 s unless told. */
  readonly timeoutMs?: number
}

export interface SubmitOptions {
  /** Makes it safe to send the same request twice: it is taken once. 1 to 255 visible ASCII characters. */
  readonly idempotencyKey?: string | undefined
}

export interface ResultsFilter {
  readonly status?: MappingState | undefined
  /** At most so many; of an iteration all, of a page 1000 unless told. */
  readonly limit?: number | undefined
}

export interface RequestsFilter {
  readonly status?: RequestState | undefined
  readonly priority?: Priority | undefined
  /** RFC 3339. */
  readonly createdAfter?: string | undefined
  /** At most so many; all unless told. */
  readonly limit?: number | undefined
}

/** What is left out stays as it is; null returns to what the systems file says. */
export interface SystemChange {
  /** How many calls may be under way at once. */
  readonly concurrency?: number | null | undefined
  /** `50/s`, or several windows that must all hold. */
  readonly rate?: string | readonly string[] | null | undefined
  /** Whether nothing may start. */
  readonly paused?: boolean | null | undefined
}

export interface WaitOptions {
  /** The first pause between two looks, which grow to ten times as much; 200 ms unless told. */
  readonly intervalMs?: number | undefined
  /** Ends the waiting, not the work. */
  readonly signal?: AbortSignal | undefined
  /** Told every status, the final one included. */
  readonly onProgress?: ((status: RequestStatus) => void) | undefined
}
