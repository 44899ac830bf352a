import type { Dispatcher } from 'undici'
import type { DurationMs, EpochMs, Json, JsonObject } from '../../../core/units.ts'
import type { Clock } from '../../../lib/clock.ts'
import { secretsAmong } from '../../quote.ts'
import { type Answer, type Refused, refusalOf, textOf } from './answer.ts'
import { basicOfClient, type OAuth, secretsOfClient } from './auth.ts'
import { ACCEPTED_ENCODINGS } from './decode.ts'
import { type Exchanged, exchange, type Line } from './exchange.ts'
import { isList, wordOf } from './pointer.ts'

/** Why there is no token. */
export type NoToken =
  | Exclude<Exchanged, { kind: 'answer' }>
  /** The token endpoint cannot now, and says so with a status. */
  | { readonly kind: 'unavailable'; readonly refusal: Refused }
  /** It will not give us one. */
  | { readonly kind: 'unauthorized'; readonly message: string }

/** A token that is good for now. */
export interface Token {
  readonly kind: 'token'
  readonly value: string
}

/** The tokens of one system: one at a time, shared by all its calls. */
export interface Tokens {
  /**
   * The token in force, or a new one if there is none any more; never rejects. All who ask at the same
   * time share one call to the token endpoint, which nobody's abort ends but `close`.
   *
   * @param spent a token that was refused, and must not be given again
   */
  get(spent: Token | null): Token | Promise<Token | NoToken>
  /**
   * What must not be seen: the token given last, and the one before it, which calls may still be under
   * way with. The same list until there is another token.
   */
  secrets(): readonly string[]
  close(): Promise<void>
}

interface Held {
  readonly token: Token
  /** From then on it is not given to anyone. */
  readonly until: EpochMs
}

/** Asks for tokens at `token_url` (RFC 6749 section 4.4). */
export function openTokens(auth: OAuth, line: Line, clock: Clock, userAgent: string): Tokens {
  const stop = new AbortController()
  const request = tokenRequest(auth, userAgent)
  let held: Held | null = null
  let asking: Promise<Token | NoToken> | null = null
  let given: readonly string[] = []

  async function ask(): Promise<Token | NoToken> {
    const askedAt = clock.now()
    const ending = await exchange(line, request, stop.signal)
    asking = null
    if (ending.kind !== 'answer') return ending
    if (ending.status !== 200) return refused(ending, auth, clock.now())
    const granted = grantOf(ending)
    if (granted === null) return UNREADABLE
    held = { token: granted.token, until: askedAt + granted.lasts }
    given = [granted.token.value, ...given.slice(0, 1)]
    return granted.token
  }

  return {
    get(spent) {
      if (held !== null && (held.token === spent || held.until <= clock.now())) held = null
      if (held !== null) return held.token
      asking ??= ask()
      return asking
    },
    secrets: () => given,
    close() {
      stop.abort()
      return line.pool.destroy()
    },
  }
}

function tokenRequest(auth: OAuth, userAgent: string): Dispatcher.DispatchOptions {
  const { token_url, client_id, client_secret, scope, audience, credentials_in } = auth
  const inBody = credentials_in === 'body'
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    ...(scope !== undefined && { scope }),
    ...(audience !== undefined && { audience }),
    ...(inBody && { client_id, client_secret }),
  })
  return {
    method: 'POST',
    path: new URL(token_url).pathname,
    headers: [
      ...['accept', 'application/json', 'accept-encoding', ACCEPTED_ENCODINGS],
      ...['user-agent', userAgent, 'content-type', 'application/x-www-form-urlencoded'],
      ...(inBody ? [] : ['authorization', basicOfClient(auth)]),
    ],
    body: form.toString(),
  }
}

/** Statuses with which it says that it cannot now; with any other, that it will not. */
const TRANSIENT = /^(408|425|429|5\d\d)$/

function refused(answer: Answer, auth: OAuth, now: EpochMs): NoToken {
  const secrets = secretsAmong(secretsOfClient(auth))
  const refusal = refusalOf(answer, 'write', auth.token_url, secrets, now)
  const message = `The token endpoint did not give us a token. ${refusal.message}`
  return TRANSIENT.test(String(answer.status))
    ? { kind: 'unavailable', refusal: { ...refusal, message } }
    : { kind: 'unauthorized', message }
}

const UNREADABLE: NoToken = {
  kind: 'failure',
  code: 'invalid_response',
  message: 'The token endpoint answered with something that holds no bearer token.',
}

/** Without `expires_in` a token is good until it is refused. */
const FOR_EVER = Number.POSITIVE_INFINITY
/** So much of its time, and no more than that, is left when a token is given up. */
const MARGIN = { share: 0.1, max: 30_000 } as const

function grantOf({ body }: Answer): { token: Token; lasts: DurationMs } | null {
  const grant = 'unread' in body ? null : parseObject(textOf(body))
  const { access_token: value, token_type: type = 'bearer', expires_in: seconds } = grant ?? {}
  if (typeof value !== 'string' || !/^[!-~]{1,8192}$/.test(value)) return null
  if (typeof type !== 'string' || type.toLowerCase() !== 'bearer') return null
  const lasts = /^\d{1,9}$/.test(wordOf(seconds) ?? '') ? Number(seconds) * 1000 : FOR_EVER
  const margin = Math.min(MARGIN.max, lasts * MARGIN.share)
  return { token: { kind: 'token', value }, lasts: lasts - margin }
}

function parseObject(text: string): JsonObject | null {
  try {
    const value: Json = JSON.parse(text)
    return typeof value === 'object' && value !== null && !isList(value) ? value : null
  } catch {
    return null
  }
}
