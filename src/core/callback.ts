/**
 * Callbacks: when a request is finished, somebody may want to be told. Telling them is work like any
 * other, so a callback is a request of one mapping; only its names are out of everybody's reach.
 */
import { type BatchTexts, resultsOf } from './results.ts'
import type { DurationMs } from './units.ts'
import type { MappingError } from './verdict.ts'

/** No system that people name begins so, nor does any tenant. */
const PREFIX = 'callback:'

/** The first name, byte by byte, that begins so, and the first one after all of them. */
export const CALLBACK_NAMES = { from: PREFIX, to: 'callback;' } as const

/** Whether a name of a lane, a system or a tenant belongs to callbacks. */
export function isCallbackName(name: string): boolean {
  return name.startsWith(PREFIX)
}

/** Whose requests the callbacks of a tenant are: nobody's that anyone can be, and not another tenant's. */
export function callbackTenant(tenant: string): string {
  return PREFIX + tenant
}

/** Whose callbacks they are. */
export function tenantOfCallback(tenant: string): string {
  return tenant.slice(PREFIX.length)
}

/**
 * The lane of every callback to one scheme, host and port.
 *
 * @param url as `URL` writes it, without credentials
 */
export function callbackLane(url: string): string {
  const [origin] = ORIGIN.exec(url) ?? []
  if (origin === undefined) throw new Error('a callback is checked when it is taken in')
  return PREFIX + origin
}

/** Scheme, host and port of such a URL: a pattern that PostgreSQL reads as well. */
export const CALLBACK_ORIGIN = '^https?://[^/]+'
const ORIGIN = new RegExp(CALLBACK_ORIGIN)

/** Whether a name may be that of a lane of callbacks: others that begin so are nothing. */
export function isCallbackLane(name: string): boolean {
  return LANE.test(name)
}

/** No host is longer than 253 characters, and no port than 5. */
const LANE = new RegExp(`^${PREFIX}https?://[!-.0-~]{1,259}$`)

/** The source of a callback's mapping. Nothing is read from it: the mapping brings its record along. */
export const CALLBACK_SOURCE = 'sluice'

/** A callback that cannot be delivered for so long is given up, whatever holds it up. */
export const CALLBACK_LIFETIME_MS: DurationMs = 7 * 86_400_000

/** Its receiver has said that it is gone, and is called no more. */
export const CALLBACK_DISABLED = 'callback_disabled'

/** Where a tenant's callbacks go. What is said to one tenant holds for that tenant. */
export interface Endpoint {
  readonly tenant: string
  readonly url: string
}

/** What has become of a callback. */
export interface CallbackReport {
  readonly state: (typeof CALLBACK_STATES)[number]
  readonly attempts: number
  /** Why it failed or, while it is pending, why its last attempt did. */
  readonly error: MappingError | null
}

export const CALLBACK_STATES = ['pending', 'delivered', 'failed', 'disabled'] as const

/** Nothing was tried yet. */
export const UNTOLD: CallbackReport = { state: 'pending', attempts: 0, error: null }

/** A callback has one mapping. */
export const CALLBACK_RANGE = { from: 0, to: 1, state: null } as const

/** What the one batch of a callback says. */
export function callbackReport(batch: BatchTexts): CallbackReport {
  const [result] = resultsOf(batch, CALLBACK_RANGE)
  if (result === undefined) throw new Error('a callback has one mapping')
  const { state, attempts, error } = result
  if (state === 'pending') return { state, attempts, error }
  if (state === 'completed') return { state: 'delivered', attempts, error }
  return { state: isGone(error) ? 'disabled' : 'failed', attempts, error }
}

const GONE = 410

function isGone(error: MappingError | null): boolean {
  return error?.code === CALLBACK_DISABLED || error?.httpStatus === GONE
}
