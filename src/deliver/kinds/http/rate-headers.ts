import type { IncomingHttpHeaders } from 'node:http'
import type { Quota } from '../../../core/quota.ts'
import type { EpochMs } from '../../../core/units.ts'

/** The same with what the answer's headers say of the system's limit, where they do. */
export function withLearned<const Answer extends { readonly kind: string }>(
  answer: Answer,
  headers: IncomingHttpHeaders,
  now: EpochMs,
): Answer & { readonly learned?: Quota } {
  const learned = quotaIn(headers, now)
  return learned === null ? answer : { ...answer, learned }
}

/**
 * What an answer's headers say of the system's own limit; null where they say nothing that can be
 * read. `RateLimit` (draft-ietf-httpapi-ratelimit-headers) goes before the older fields of one value
 * each, with and without `X-`. Strict: what is not exactly a number says nothing.
 */
export function quotaIn(headers: IncomingHttpHeaders, now: EpochMs): Quota | null {
  return quotaOfItems(headers, now) ?? quotaOfFields(headers, now)
}

/** `"default";r=50;t=30` and, of the policy, `"default";q=100;w=60`; and `limit=, remaining=, reset=`. */
function quotaOfItems(headers: IncomingHttpHeaders, now: EpochMs): Quota | null {
  const items = text(headers, 'ratelimit')
  if (items === null) return null
  const [tightest] = items
    .split(',')
    .map((item) => ({ name: nameOf(item), remaining: parameter(item, 'r'), item }))
    .filter(({ remaining }) => remaining !== null)
    .sort((a, b) => Number(a.remaining) - Number(b.remaining))
  if (tightest === undefined) return quotaOfDictionary(items, now)
  const policy = (text(headers, 'ratelimit-policy') ?? '')
    .split(',')
    .find((item) => nameOf(item) === tightest.name)
  const reset = parameter(tightest.item, 't')
  const window = parameter(policy ?? '', 'w')
  return {
    limit: parameter(policy ?? '', 'q'),
    window: window && window * 1000,
    remaining: tightest.remaining,
    resetsAt: reset === null ? null : now + reset * 1000,
  }
}

function quotaOfDictionary(items: string, now: EpochMs): Quota | null {
  const value = (key: string) => number(new RegExp(`(?:^|[,;\\s])${key}=(\\d+)`).exec(items)?.[1])
  return quotaOf(value('limit'), value('remaining'), value('reset'), now)
}

/** `X-RateLimit-Limit`, `-Remaining` and `-Reset`. */
function quotaOfFields(headers: IncomingHttpHeaders, now: EpochMs): Quota | null {
  const names = FIELDS.find(({ remaining }) => headers[remaining] !== undefined)
  if (names === undefined) return null
  const field = (name: string) => number(text(headers, name))
  return quotaOf(field(names.limit), field(names.remaining), field(names.reset), now)
}

const FIELDS = ['x-ratelimit', 'x-rate-limit', 'ratelimit'].map((prefix) => ({
  limit: `${prefix}-limit`,
  remaining: `${prefix}-remaining`,
  reset: `${prefix}-reset`,
}))

function quotaOf(
  limit: number | null,
  remaining: number | null,
  reset: number | null,
  now: EpochMs,
): Quota | null {
  if (remaining === null) return null
  return { limit, window: null, remaining, resetsAt: reset === null ? null : momentOf(reset, now) }
}

/** No window is as long as the time since 1970: larger numbers are moments, in seconds or in ms. */
const MOMENT_FROM_S = 1e9
const MOMENT_FROM_MS = 1e12

function momentOf(reset: number, now: EpochMs): EpochMs {
  if (reset >= MOMENT_FROM_MS) return reset
  return reset >= MOMENT_FROM_S ? reset * 1000 : now + reset * 1000
}

function nameOf(item: string): string {
  return (item.split(';')[0] ?? '').trim()
}

function parameter(item: string, key: string): number | null {
  return number(new RegExp(`;\\s*${key}=(\\d+)\\s*(?:;|$)`).exec(item)?.[1])
}

function number(digits: string | null | undefined): number | null {
  return digits != null && /^\s*\d{1,15}\s*$/.test(digits) ? Number(digits) : null
}

function text(headers: IncomingHttpHeaders, name: string): string | null {
  const value = headers[name]
  return typeof value === 'string' ? value : null
}
