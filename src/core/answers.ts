import type { DurationMs } from './units.ts'

/** HTTP statuses from the first to the last, both included. */
export type StatusRange = readonly [first: number, last: number]

/**
 * What a system's statuses mean, where that is not what they usually mean. Of lists that overlap the
 * first one here counts.
 */
export interface AnswerPolicy {
  /** Not now, and not later. */
  readonly failOn: readonly StatusRange[]
  /** Nobody may, until an operator or the system has mended it. */
  readonly holdOn: readonly StatusRange[]
  /** Not now, and perhaps later. */
  readonly retryOn: readonly StatusRange[]
}

export const USUAL_ANSWERS: AnswerPolicy = { failOn: [], holdOn: [], retryOn: [] }

/** What an answer that is not a success asks of us. */
export type Demand = 'throttle' | 'hold' | 'retry' | 'fail'

/** What a status asks of us, with the Retry-After that came with it. */
export function demandOf(
  httpStatus: number,
  retryAfter: DurationMs | null,
  { failOn, holdOn, retryOn }: AnswerPolicy,
): Demand {
  if (includes(failOn, httpStatus)) return 'fail'
  if (includes(holdOn, httpStatus)) return 'hold'
  if (includes(retryOn, httpStatus)) return 'retry'
  if (httpStatus === 429 || (httpStatus === 503 && retryAfter !== null)) return 'throttle'
  if (isUnauthorized(httpStatus)) return 'hold'
  return isUnavailable(httpStatus) ? 'retry' : 'fail'
}

/** Reads a list of statuses, as in `[404, 500-599]`; null for anything else. */
export function parseStatuses(value: unknown): readonly StatusRange[] | null {
  if (!Array.isArray(value)) return null
  const ranges = value.map(parseRange).filter((range) => range !== null)
  return ranges.length === value.length ? ranges : null
}

/** Reads a status, `404`, or a range of them, `500-599`; null for anything else. */
function parseRange(value: unknown): StatusRange | null {
  const [, first, last = first] = /^([1-5]\d\d)(?:-([1-5]\d\d))?$/.exec(String(value)) ?? []
  const range = [Number(first), Number(last)] as const
  return range[0] <= range[1] ? range : null
}

/** Whether a status is in one of the ranges. */
export function includes(ranges: readonly StatusRange[], httpStatus: number): boolean {
  return ranges.some(([first, last]) => first <= httpStatus && httpStatus <= last)
}

const UNAUTHORIZED = new Set([401, 403, 407])

/** Whether a status says that our credentials are refused, which no attempt of any mapping mends. */
export function isUnauthorized(httpStatus: number): boolean {
  return UNAUTHORIZED.has(httpStatus)
}

const UNAVAILABLE = new Set([408, 425])

/** Whether a status says that the system cannot now, whoever asks. */
export function isUnavailable(httpStatus: number): boolean {
  return UNAVAILABLE.has(httpStatus) || httpStatus >= 500
}
