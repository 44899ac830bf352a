import type { Stage } from './outcome.ts'
import type { DurationMs, EpochMs, Json } from './units.ts'

/** Why a mapping failed, or why its last attempt did. */
export interface MappingError {
  readonly code: string
  readonly message: string
  readonly stage: Stage
  readonly httpStatus: number | null
}

/** What one attempt makes of a mapping. */
export type Verdict =
  | { readonly kind: 'completed'; readonly result: Json }
  | { readonly kind: 'failed'; readonly error: MappingError }
  /** Try again at `runAt`; the attempt counts. */
  | { readonly kind: 'retry'; readonly runAt: EpochMs; readonly error: MappingError }
  /** Try again at `runAt`; the attempt does not count. */
  | { readonly kind: 'snooze'; readonly runAt: EpochMs; readonly error: MappingError | null }

/**
 * Where one mapping stands, as it is stored: a batch's `verdicts` text is a JSON array of these, one
 * for each mapping in order, null for what has not been tried. Tuples, because there may be a
 * thousand million of them.
 */
export type Standing =
  | readonly [
      status: 'completed',
      attempts: number,
      finishedAt: EpochMs,
      duration: DurationMs,
      result: Json,
    ]
  | readonly [
      status: 'failed',
      attempts: number,
      finishedAt: EpochMs,
      duration: DurationMs,
      error: MappingError,
    ]
  | readonly [
      status: 'cancelled',
      attempts: number,
      finishedAt: EpochMs,
      lastError: MappingError | null,
    ]
  | readonly [status: 'pending', attempts: number, runAt: EpochMs, lastError: MappingError | null]

/** What a caller sees of a mapping; `pending` stands for everything that is not final. */
export const MAPPING_STATES = ['pending', 'completed', 'failed', 'cancelled'] as const
export type MappingState = (typeof MAPPING_STATES)[number]
