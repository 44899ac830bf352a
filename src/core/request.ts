import type { Priority } from './mapping.ts'
import type { EpochMs } from './units.ts'

/** Every state a request that can be seen may be in; the last three are final. */
export const REQUEST_STATES = [
  'pending',
  'in_progress',
  'completed',
  'failed',
  'cancelled',
] as const
export type RequestState = (typeof REQUEST_STATES)[number]

/** What a request's caller asked for beyond the mappings; null where nothing was said. */
export interface Terms {
  /** Nothing of it starts before. */
  readonly notBefore: EpochMs | null
  /** What is still open then fails, as `expired`. */
  readonly expiresAt: EpochMs | null
  /** Who is told when it is finished. */
  readonly callbackUrl: string | null
  /** The request whose failures this one tries again. */
  readonly retryOf: string | null
}

/** The terms of a caller who said nothing. */
export const NO_TERMS: Terms = {
  notBefore: null,
  expiresAt: null,
  callbackUrl: null,
  retryOf: null,
}

/** Why nothing of a request starts any more, though it is not finished. */
export type Closing = 'cancelled' | 'expired'

/** What one `POST /ingest` created, with its live accounting. */
export interface Request {
  /** A UUIDv7, so requests sort by the moment they were made. */
  readonly id: string
  readonly tenant: string
  readonly priority: Priority
  readonly state: RequestState
  /** total = completed + failed + cancelled + open, at every commit. */
  readonly total: number
  readonly completed: number
  readonly failed: number
  readonly cancelled: number
  readonly createdAt: EpochMs
  /** When its first batch was claimed. */
  readonly startedAt: EpochMs | null
  readonly finishedAt: EpochMs | null
  readonly metadata: Readonly<Record<string, string>>
  readonly terms: Terms
  /** Null while it may go on. */
  readonly closing: Closing | null
  /** Where it stood some seconds ago, to measure its speed by; null before it started. */
  readonly pace: Pace | null
}

export interface Pace {
  readonly at: EpochMs
  /** How many mappings had a final verdict then. */
  readonly processed: number
}

/** What is worth telling of a request that is finished. */
export function endOf({ id, tenant, state, total, failed, createdAt, finishedAt }: Request) {
  const durationMs = (finishedAt ?? createdAt) - createdAt
  return { request: id, tenant, state, total, failed, durationMs }
}

type Counts = Pick<Request, 'total' | 'completed' | 'failed' | 'cancelled'>

/** How many mappings have a final verdict. */
export function processed({ completed, failed, cancelled }: Omit<Counts, 'total'>): number {
  return completed + failed + cancelled
}

/** Whole percent, rounded down, so that it is 100 only when every mapping is final. */
export function progress(counts: Counts): number {
  return Math.floor((100 * processed(counts)) / counts.total)
}

/**
 * The state of a request none of whose batches is open any more. A failure weighs more than a
 * cancellation: whoever reads `failed` knows there is something to mend.
 */
export function finalState({ failed, cancelled }: Counts): 'completed' | 'failed' | 'cancelled' {
  if (failed > 0) return 'failed'
  return cancelled > 0 ? 'cancelled' : 'completed'
}

/**
 * Milliseconds until the request is done if it goes on at the pace it has had of late; null where
 * there is no pace yet, or nothing left to wait for.
 */
export function remainingMs(request: Request, now: EpochMs): number | null {
  const { pace, total, finishedAt } = request
  if (pace === null || finishedAt !== null) return null
  const done = processed(request)
  if (done === pace.processed) return null
  return ((now - pace.at) / (done - pace.processed)) * (total - done)
}
