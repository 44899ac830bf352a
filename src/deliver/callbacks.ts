/**
 * Callbacks as they go out: one signed POST each, in the form of Standard Webhooks. All receivers share
 * this one connection; where a callback goes, the request that it tells of says.
 */
import { CALLBACK_DISABLED, callbackLane, type Endpoint } from '../core/callback.ts'
import type { Request } from '../core/request.ts'
import type { EpochMs, Json } from '../core/units.ts'
import type { Clock } from '../lib/clock.ts'
import { CALLBACK_ANSWER_BYTES_MAX, CALLBACK_TIMEOUT_MS } from './callbacks/rules.ts'
import { signer } from './callbacks/sign.ts'
import { openGuard, type Resolve } from './connect/guard.ts'
import type { Connection, WriteAnswer } from './kind.ts'
import { type Answer, answered } from './kinds/http/answer.ts'
import { type Exchanged, exchange } from './kinds/http/exchange.ts'
import { openLineToAny } from './kinds/http/line.ts'
import { withLearned } from './kinds/http/rate-headers.ts'
import { parseRetryAfter } from './kinds/http/retry-after.ts'

export interface CallbackPorts {
  /** Each of them signs; without any, none is sent. */
  readonly secrets: readonly string[]
  /** Ranges of addresses beyond the public internet that may be called. */
  readonly allowPrivate: readonly string[]
  /** How Sluice names itself. */
  readonly userAgent: string
  readonly clock: Clock
  /** What `GET /status` says of a request that is finished. */
  readonly statusOf: (request: Request) => object
  /** Whether a receiver has said that it is gone; false where that cannot be found out now. */
  readonly isDisabled: (endpoint: Endpoint) => Promise<boolean>
  /** A receiver has just said so, to the callback of this request. Never rejects. */
  readonly disable: (endpoint: Endpoint, request: string) => Promise<void>
  /** Looks names up in the place of the machine. */
  readonly resolve?: Resolve
}

/** Opens the way to every receiver; none is called yet. The payload of a write is a finished `Request`. */
export function openCallbacks(ports: CallbackPorts): Connection {
  const { secrets, userAgent, clock, statusOf, isDisabled, disable } = ports
  const sign = signer(secrets)
  const line = openLineToAny(openGuard(ports.allowPrivate, ports.resolve), {
    timeout: CALLBACK_TIMEOUT_MS,
    maxResponse: CALLBACK_ANSWER_BYTES_MAX,
    clock,
  })

  function send(told: Told, signal: AbortSignal): Promise<Exchanged> {
    const { origin, pathname, search } = new URL(told.url)
    const body = messageOf(told, statusOf)
    const headers = [
      ...['content-type', 'application/json', 'user-agent', userAgent],
      ...sign(told.request.id, body, clock.now()),
    ]
    return exchange(
      line,
      { origin, path: pathname + search, method: 'POST', headers, body },
      signal,
    )
  }

  async function write(told: Told, signal: AbortSignal): Promise<WriteAnswer> {
    const { request, url } = told
    const endpoint = { tenant: request.tenant, url }
    if (secrets.length === 0) return NOT_SIGNED
    if (await isDisabled(endpoint)) return disabled(url)
    const exchanged = await send(told, signal)
    if (exchanged.kind !== 'answer') return unanswered(exchanged)
    if (exchanged.status === GONE) await disable(endpoint, request.id)
    return judge(exchanged, clock)
  }

  return {
    read: null,
    write: ({ signal }, payload) => write(toldOf(payload), signal),
    bulk: null,
    close: () => line.pool.destroy(),
  }
}

/** The end of a request, and where it is told. */
interface Told {
  readonly request: Request
  readonly url: string
  readonly at: EpochMs
}

/** The store has put it there. */
function toldOf(payload: Json): Told {
  const request = payload as unknown as Request
  const { finishedAt: at, terms } = request
  if (at === null || terms.callbackUrl === null) throw new Error('there is nothing to tell')
  return { request, url: terms.callbackUrl, at }
}

/** What is sent: the same at every attempt, for nothing of a finished request changes. */
function messageOf({ request, at }: Told, statusOf: CallbackPorts['statusOf']): string {
  const timestamp = new Date(at).toISOString()
  return JSON.stringify({ type: `request.${request.state}`, timestamp, data: statusOf(request) })
}

const GONE = 410

/** Its words are nobody's business: whoever chose the URL may not be who may read what is there. */
function judge({ status, headers }: Answer, clock: Clock): WriteAnswer {
  const now = clock.now()
  if (status >= 200 && status < 300) {
    return withLearned({ kind: 'delivered', result: null }, headers, now)
  }
  const retryAfter = parseRetryAfter(headers['retry-after'] ?? '', now)
  const message = `${answered(status)}.`
  const refused = {
    kind: 'refused',
    stage: 'write',
    httpStatus: status,
    retryAfter,
    message,
  } as const
  return withLearned(refused, headers, now)
}

function unanswered(exchanged: Exclude<Exchanged, { kind: 'answer' }>): WriteAnswer {
  switch (exchanged.kind) {
    case 'interrupted':
      return exchanged
    case 'failure': {
      const { code, message } = exchanged
      return { kind: 'unanswered', stage: 'write', code, message }
    }
    case 'forbidden':
      return NOT_PUBLIC
  }
}

/** It does not say which address: whoever chose the name may not be who may know. */
const NOT_PUBLIC: WriteAnswer = {
  kind: 'unanswered',
  stage: 'write',
  code: 'connection_failed',
  message:
    'The host is not on the public internet, nor where SLUICE_CALLBACK_ALLOW_PRIVATE allows callbacks to go.',
}

const NOT_SIGNED: WriteAnswer = {
  kind: 'misconfigured',
  stage: 'write',
  code: 'callbacks_not_signed',
  message:
    'There is no secret to sign callbacks with: set SLUICE_CALLBACK_SECRETS wherever they are carried out.',
}

function disabled(url: string): WriteAnswer {
  const lane = encodeURIComponent(callbackLane(url))
  return {
    kind: 'impossible',
    stage: 'write',
    code: CALLBACK_DISABLED,
    message: `The receiver has answered 410 Gone before. If it is back, POST /systems/${lane}/resume.`,
  }
}
