import type { Dispatcher } from 'undici'
import type { Clock } from '../../../lib/clock.ts'
import { within } from '../../within.ts'
import { type Exchanged, exchange, type Line, timedOut } from './exchange.ts'
import { failureOf } from './failure.ts'
import type { NoToken, Token, Tokens } from './token.ts'

/** One call as it is sent, but for a token. */
export interface Outgoing {
  readonly method: Dispatcher.HttpMethod
  readonly path: string
  /** Names and values in turn. */
  readonly headers: string[]
  readonly body: string | null
}

/** How a call ended, or why it was not made. */
export type Sent = Exchanged | NoToken

/** Makes one call. Never rejects, and takes no longer than the line's timeout, all in all. */
export type Send = (request: Outgoing, signal: AbortSignal) => Promise<Sent>

/** Sends calls as they are. */
export function plainSender(line: Line): Send {
  return (request, signal) => exchange(line, request, signal)
}

/** Sends calls with a token; one that is refused is renewed, and the call made once more. */
export function tokenSender(line: Line, tokens: Tokens, clock: Clock): Send {
  const { timeout } = line

  async function send(request: Outgoing, cut: AbortSignal): Promise<Sent> {
    const token = await tokens.get(null)
    if (token.kind !== 'token') return token
    const sent = await exchange(line, withToken(request, token), cut)
    if (sent.kind !== 'answer' || sent.status !== 401) return sent
    const renewed = await tokens.get(token)
    if (renewed.kind !== 'token') return renewed
    return exchange(line, withToken(request, renewed), cut)
  }

  return async (request, signal) => {
    const ended = await within({ clock, timeout }, signal, (cut) => send(request, cut))
    switch (ended.kind) {
      case 'done':
        return ended.value
      case 'thrown':
        return failureOf(new Error('sending failed', { cause: ended.error }))
      case 'timeout':
        return timedOut(timeout)
      case 'interrupted':
        return ended
    }
  }
}

function withToken(request: Outgoing, { value }: Token): Outgoing {
  return { ...request, headers: [...request.headers, 'authorization', `Bearer ${value}`] }
}
