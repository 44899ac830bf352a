import Compile from 'typebox/compile'
import { parseDuration, parseIsoDuration } from '../core/quantity.ts'
import { NO_TERMS, type Terms } from '../core/request.ts'
import type { DurationMs, EpochMs } from '../core/units.ts'
import { isJsonObject } from '../lib/json/object.ts'
import { OPTIONS } from './options.ts'

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

/** The times among options of any shape, but for those of which their schema has something to say. */
export function timesOf(options: unknown): Times {
  if (!isJsonObject(options)) return {}
  const { not_before, expires_in } = options
  return {
    ...(moment.Check(not_before) && { not_before }),
    ...(length.Check(expires_in) && { expires_in }),
  }
}

const moment = Compile(OPTIONS.not_before)
const length = Compile(OPTIONS.expires_in)

/** What the times of a request come to, if it is handed in at `now`; or all that is wrong with them. */
export function termsOf(times: Times, now: EpochMs): Terms | readonly TimeFault[] {
  const notBefore = times.not_before === undefined ? null : Date.parse(times.not_before)
  const expiresIn = times.expires_in === undefined ? null : lengthOf(times.expires_in)
  const expiresAt = expiresIn === null ? null : now + expiresIn
  const faults = [...faultsOfMoment(notBefore, now), ...faultsOfLength(expiresIn)]
  if (faults.length > 0) return faults
  if (notBefore !== null && expiresAt !== null && expiresAt <= notBefore) {
    return [['expires_in', BEFORE_ITS_TIME]]
  }
  return { ...NO_TERMS, notBefore, expiresAt }
}

/** NaN where it is none, as for a moment. */
function lengthOf(text: string): DurationMs {
  return parseDuration(text) ?? parseIsoDuration(text) ?? Number.NaN
}

function faultsOfMoment(notBefore: EpochMs | null, now: EpochMs): readonly TimeFault[] {
  if (Number.isNaN(notBefore)) return [['not_before', NO_MOMENT]]
  const isTooFar = notBefore !== null && notBefore > now + AHEAD_MAX_MS
  return isTooFar ? [['not_before', TOO_FAR]] : []
}

function faultsOfLength(expiresIn: DurationMs | null): readonly TimeFault[] {
  if (Number.isNaN(expiresIn)) return [['expires_in', NO_DURATION]]
  const isOut = expiresIn !== null && (expiresIn < EXPIRY.min || expiresIn > EXPIRY.max)
  return isOut ? [['expires_in', OUT_OF_RANGE]] : []
}

const NO_MOMENT = 'This must be a moment such as 2026-01-31T09:30:00Z, and no leap second.'
const TOO_FAR = 'This must be at most a hundred years ahead.'
const NO_DURATION =
  'This must be a length of time such as 90s, 5m, 2h or 7d, or PT2H as ISO 8601 has it; years and ' +
  'months have no one length.'
const OUT_OF_RANGE = 'This must be from one second to 366 days.'
const BEFORE_ITS_TIME = 'The request would expire before not_before; give it longer.'
