import { parseDuration, parseIsoDuration } from '../core/quantity.ts'
import { NO_TERMS, type Terms } from '../core/request.ts'
import type { DurationMs, EpochMs } from '../core/units.ts'

const YEAR_MS: DurationMs = 366 * 86_400_000

/** How far ahead a request may look, and how soon it may expire. */
const AHEAD_MAX_MS = 100 * YEAR_MS
const EXPIRY = { min: 1000, max: YEAR_MS } as const

/** The options of a request that are about time, as their schema lets them through. */
export interface Times {
  readonly not_before?: string
  readonly expires_in?: string
}

/** What is wrong with one of them. */
export type TimeFault = readonly [name: keyof Times, detail: string]

/** What the times of a request come to, if it is handed in at `now`; or what is wrong with them. */
export function termsOf(times: Times, now: EpochMs): Terms | TimeFault {
  const notBefore = times.not_before === undefined ? null : Date.parse(times.not_before)
  if (Number.isNaN(notBefore)) return ['not_before', NO_MOMENT]
  if (notBefore !== null && notBefore > now + AHEAD_MAX_MS) return ['not_before', TOO_FAR]
  const { expires_in: text } = times
  if (text === undefined) return { ...NO_TERMS, notBefore }
  const expiresIn = parseDuration(text) ?? parseIsoDuration(text)
  if (expiresIn === null) return ['expires_in', NO_DURATION]
  if (expiresIn < EXPIRY.min || expiresIn > EXPIRY.max) return ['expires_in', OUT_OF_RANGE]
  const expiresAt = now + expiresIn
  if (notBefore !== null && expiresAt <= notBefore) return ['expires_in', BEFORE_ITS_TIME]
  return { ...NO_TERMS, notBefore, expiresAt }
}

const NO_MOMENT = 'This must be a moment such as 2026-01-31T09:30:00Z, and no leap second.'
const TOO_FAR = 'This must be at most a hundred years ahead.'
const NO_DURATION =
  'This must be a length of time such as 90s, 5m, 2h or 7d, or PT2H as ISO 8601 has it; years and ' +
  'months have no one length.'
const OUT_OF_RANGE = 'This must be from one second to 366 days.'
const BEFORE_ITS_TIME = 'The request would expire before not_before; give it longer.'
