import type { Call } from '../../kind.ts'
import type { HttpConfig } from './config.ts'

/** Names and values in turn, as undici takes them fastest. */
export type Headers = readonly string[]

export interface FixedHeaders {
  /** For a call without a body. */
  readonly bare: Headers
  /** For a call that carries JSON. */
  readonly withBody: Headers
}

/** The headers that are the same for every call; what the systems file says goes before our own. */
export function fixedHeaders({ auth, headers }: HttpConfig, userAgent: string): FixedHeaders {
  const given = new Map(
    Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
  )
  if (auth?.type === 'bearer') given.set('authorization', `Bearer ${auth.token}`)
  if (auth?.type === 'header') given.set(auth.name.toLowerCase(), auth.value)
  const unlessGiven = (name: string, value: string) => (given.has(name) ? [] : [name, value])
  const bare = [
    ...[...given].flat(),
    ...unlessGiven('accept', 'application/json'),
    ...unlessGiven('user-agent', userAgent),
    // A compressed answer could be small on the wire and fill the memory.
    ...['accept-encoding', 'identity'],
  ]
  return { bare, withBody: [...bare, ...unlessGiven('content-type', 'application/json')] }
}

/** The headers of one call. */
export function callHeaders(fixed: FixedHeaders, call: Call, hasBody: boolean): string[] {
  return (hasBody ? fixed.withBody : fixed.bare).concat(
    'idempotency-key',
    call.idempotencyKey,
    'sluice-request-id',
    call.request,
    'sluice-mapping-id',
    headerSafe(call.mapping.id),
  )
}

/** An id may hold any character; those that a header cannot are percent-encoded. */
function headerSafe(id: string): string {
  return /^[!-~]+$/.test(id) ? id : encodeURIComponent(id.toWellFormed())
}

/** Shorter ones would be found everywhere, and hiding them would garble more than it hides. */
const SECRET_LENGTH_MIN = 8

/** The values that may be secret and that a target could send back to us. */
export function secretsOf({ auth, headers = {} }: HttpConfig): readonly string[] {
  const values = Object.values(headers)
  if (auth?.type === 'bearer') values.push(auth.token)
  if (auth?.type === 'header') values.push(auth.value)
  return values.filter((value) => value.length >= SECRET_LENGTH_MIN)
}
