import type { DurationMs, EpochMs } from '../../../core/units.ts'

/** `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 section 5.6.7). */
const IMF_FIXDATE =
  /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d GMT$/

/**
 * What a Retry-After header asks for; null where it is not one of the two forms of RFC 9110. Strict,
 * because `Number` and `Date` read a sense into almost anything (`1e9`, `-5`).
 */
export function parseRetryAfter(header: string, now: EpochMs): DurationMs | null {
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000
  const date = IMF_FIXDATE.test(header) ? Date.parse(header) : Number.NaN
  return Number.isNaN(date) ? null : Math.max(0, date - now)
}
