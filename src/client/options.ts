import type { MappingState, Priority, RequestState, RequestStatus } from './wire.ts'

export interface SluiceOptions {
  /** `http://localhost:8000` unless told. */
  readonly baseUrl?: string
  /** Stands in for the global `fetch`. */
  readonly fetch?: typeof fetch
  /**
   * How long Sluice may be silent; 30 s unless told. One short call takes no longer than that,
   * however it ends; a stream may take any time, as long as it moves. Whether one to Sluice moves is not
   * told in browsers: there it may take any time.
   */
  readonly timeoutMs?: number
}

export interface CallOptions {
  /** Ends the call, which then rejects with the signal's own reason. */
  readonly signal?: AbortSignal | undefined
}

export interface SubmitOptions extends CallOptions {
  /**
   * Makes it safe to submit the same request twice, from another process too: it is taken once. 1 to
   * 255 visible ASCII characters without quotes. Unless told, each call has a key of its own, but for
   * a stream, which is sent once.
   */
  readonly idempotencyKey?: string | undefined
  /** `skip` takes the good mappings and reports the others as failed; or else one bad one refuses all. */
  readonly onInvalid?: 'refuse' | 'skip' | undefined
}

export interface StreamOptions extends SubmitOptions {
  readonly priority?: Priority | undefined
  readonly batchSize?: number | undefined
  readonly metadata?: Readonly<Record<string, string>> | undefined
  readonly callbackUrl?: string | undefined
  /** RFC 3339; nothing of it starts before. */
  readonly notBefore?: string | undefined
  /** `2h`, or `PT2H`; what is still open then fails, as `expired`. */
  readonly expiresIn?: string | undefined
  /** The id of an earlier request, whose failures this one carries out again. */
  readonly retryOf?: string | undefined
  /** What the bytes of the source are; `ndjson` unless told. */
  readonly format?: 'ndjson' | 'csv' | undefined
  /** How the bytes of the source are compressed already. */
  readonly encoding?: 'gzip' | 'zstd' | undefined
  /** Compresses on the way: a tenth of the bytes, for some work here and there. */
  readonly gzip?: boolean | undefined
  /** Told how many bytes of the source have been taken to be sent. */
  readonly onProgress?: ((bytes: number) => void) | undefined
}

export interface ResultsFilter extends CallOptions {
  readonly status?: MappingState | undefined
  /** At most so many; of an iteration all, of a page 1000 unless told. */
  readonly limit?: number | undefined
}

export interface ExportOptions extends ResultsFilter {
  /** `ndjson` unless told. */
  readonly format?: 'ndjson' | 'csv' | undefined
}

export interface RequestsFilter extends CallOptions {
  readonly status?: RequestState | undefined
  readonly priority?: Priority | undefined
  /** RFC 3339. */
  readonly createdAfter?: string | undefined
  /** At most so many; all unless told. */
  readonly limit?: number | undefined
}

/** Which of a request's failures: those of a group, or all. */
export interface RetryOptions extends CallOptions {
  readonly code?: string | undefined
  readonly target?: string | undefined
  /** As in `SubmitOptions`. */
  readonly idempotencyKey?: string | undefined
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

export interface WaitOptions extends CallOptions {
  /** Told every status that comes by, the final one included. To see it move, use `events`. */
  readonly onProgress?: ((status: RequestStatus) => void) | undefined
}
