import { includes, parseStatuses, type StatusRange } from '../../../core/answers.ts'
import type { EpochMs } from '../../../core/units.ts'
import { openGuard, type Resolve } from '../../connect/guard.ts'
import type { Refusal, SystemContext } from '../../kind.ts'
import { type Secrets, secretsAmong } from '../../quote.ts'
import { refusalOf } from './answer.ts'
import { secretsOf } from './auth.ts'
import type { HttpConfig } from './config.ts'
import type { Exchanged } from './exchange.ts'
import { openLine, openLineTo } from './line.ts'
import { type Outgoing, plainSender, type Sent, tokenSender } from './sender.ts'
import { openTokens } from './token.ts'

type Success = Extract<Exchanged, { kind: 'answer' }>

/** All calls to one system. */
export interface Calls {
  /** The statuses that are a success. */
  readonly ok: readonly StatusRange[]
  /** Gives the answer of a call that was a success, or tells why there is none. Never rejects. */
  make(request: Outgoing, stage: 'read' | 'write', signal: AbortSignal): Promise<Success | Refusal>
  /** What an answer may hold that must not be shown. */
  secrets(): Secrets
  now(): EpochMs
  close(): Promise<void>
}

const USUALLY_OK: readonly StatusRange[] = [[200, 299]]

/** Opens the way to a system; nothing is connected yet. */
export function openCalls(
  system: SystemContext<HttpConfig>,
  userAgent: string,
  resolve: Resolve | undefined,
): Calls {
  const { config, clock } = system
  const { auth, base_url: url } = config
  const guard = openGuard(config.allow_private, resolve)
  const line = openLine(system, guard)
  const tokens =
    auth?.type === 'oauth2_client_credentials'
      ? openTokens(auth, openLineTo(auth.token_url, system, guard), clock, userAgent)
      : null
  const send = tokens === null ? plainSender(line) : tokenSender(line, tokens, clock)
  const ok = parseStatuses(config.ok) ?? USUALLY_OK
  const own = [...secretsOf(config), ...secretsByReference(system)]
  let given: readonly string[] = []
  let known = secretsAmong(own)

  function secrets(): Secrets {
    const latest = tokens?.secrets() ?? given
    if (latest !== given) known = secretsAmong([...own, ...latest])
    given = latest
    return known
  }

  return {
    ok,
    async make(request, stage, signal) {
      const sent = await send(request, signal)
      if (sent.kind !== 'answer') return refusalWithout(sent, stage)
      return includes(ok, sent.status) ? sent : refusalOf(sent, stage, url, secrets(), clock.now())
    },
    secrets,
    now: () => clock.now(),
    async close() {
      await Promise.all([line.pool.destroy(), tokens?.close()])
    },
  }
}

/**
 * Each as it is and as an address holds it. What brings the host of the system is none: that may stand in
 * whatever it answers.
 */
function secretsByReference({ config, secrets }: SystemContext<HttpConfig>): readonly string[] {
  const { base_url: url } = config
  const { length: endOfHost } = url.split('/', 3).join('/')
  const bringsHost = (text: string) => url.includes(text) && url.indexOf(text) < endOfHost
  const hidden = secrets.filter((text) => !bringsHost(text))
  return hidden.flatMap((text) => [text, encodeURIComponent(text.toWellFormed())])
}

/** What it means that there is no answer. */
function refusalWithout(sent: Exclude<Sent, { kind: 'answer' }>, stage: 'read' | 'write'): Refusal {
  switch (sent.kind) {
    case 'interrupted':
      return sent
    case 'failure':
      return { kind: 'unanswered', stage, code: sent.code, message: sent.message }
    case 'forbidden':
      return { kind: 'misconfigured', stage, code: 'address_not_allowed', message: sent.message }
    case 'unauthorized':
      return { kind: 'declined', stage, manner: 'unauthorized', message: sent.message }
    case 'unavailable': {
      // What the token endpoint says of its own limit is not the target's.
      const { httpStatus, retryAfter, message } = sent.refusal
      return { kind: 'refused', stage, httpStatus, retryAfter, message }
    }
  }
}
