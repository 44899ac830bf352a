import { type Dispatcher, Pool } from 'undici'
import type { Outcome } from '../../core/outcome.ts'
import { parseSize } from '../../core/quantity.ts'
import type { Json } from '../../core/units.ts'
import type { Call, Connection, Kind, SystemContext } from '../kind.ts'
import { recordOf, refusalOf, resultOf, succeeded } from './http/answer.ts'
import { config, type HttpConfig, MAX_RESPONSE_DEFAULT } from './http/config.ts'
import { type Exchanged, exchange, type Line } from './http/exchange.ts'
import { callHeaders, fixedHeaders, secretsOf } from './http/headers.ts'
import { compilePath } from './http/path.ts'

/**
 * Any system with an HTTP API: one call reads a record, one call writes a payload.
 *
 * @param userAgent how Sluice names itself, as `sluice/1.2.3`
 */
export function http(userAgent: string): Kind<HttpConfig> {
  return { name: 'http', config, connect: (system) => connect(system, userAgent) }
}

function connect(system: SystemContext<HttpConfig>, userAgent: string): Connection {
  const { clock } = system
  const { base_url: baseUrl, read, write } = system.config
  const line = openLine(system)
  const fixed = fixedHeaders(system.config, userAgent)
  const secrets = secretsOf(system.config)
  const { pathname } = new URL(baseUrl)
  const prefix = pathname.replace(/\/$/, '')
  const readPath = read === undefined ? null : compilePath(prefix, read.path)
  const writePath =
    write?.path === undefined ? compilePath('', pathname) : compilePath(prefix, write.path)
  const readMethod = read?.method ?? 'GET'
  const writeMethod = write?.method ?? 'POST'

  function send(
    call: Call,
    method: Dispatcher.HttpMethod,
    path: string,
    body: string | null,
  ): Promise<Exchanged> {
    const headers = callHeaders(fixed, call, body !== null)
    return exchange(line, { method, path, headers, body }, call.signal)
  }

  return {
    read:
      readPath === null
        ? null
        : async (call) => {
            const path = readPath(call.mapping)
            if (path === null) return unsafePath('read')
            const ending = await send(call, readMethod, path, null)
            if (ending.kind !== 'answer') return failed(ending, 'read')
            if (succeeded(ending)) return recordOf(ending)
            return refusalOf(ending, 'read', baseUrl, secrets, clock.now())
          },
    async write(call, payload) {
      const path = writePath(call.mapping)
      if (path === null) return unsafePath('write')
      const body = serialize(payload)
      if (body === null) return TOO_DEEP
      const ending = await send(call, writeMethod, path, body)
      if (ending.kind !== 'answer') return failed(ending, 'write')
      if (succeeded(ending)) return { kind: 'delivered', result: resultOf(ending, secrets) }
      return refusalOf(ending, 'write', baseUrl, secrets, clock.now())
    },
    bulk: null,
    close: () => line.pool.destroy(),
  }
}

const HEADER_BYTES_MAX = 16_384
const KEEP_ALIVE_MS = 4000

function openLine({ config, concurrency, timeout, clock }: SystemContext<HttpConfig>): Line {
  const pool = new Pool(new URL(config.base_url).origin, {
    connections: concurrency,
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: HEADER_BYTES_MAX,
    // One deadline of our own bounds a call; see `Exchange`.
    headersTimeout: 0,
    bodyTimeout: 0,
    connectTimeout: timeout,
    // One connection a call is what `concurrency` means; HTTP/2 would share one between all.
    allowH2: false,
  })
  const maxResponse = parseSize(config.max_response ?? MAX_RESPONSE_DEFAULT) ?? 0
  return { pool, clock, timeout, maxResponse }
}

type Refusal = Exclude<Outcome, { kind: 'delivered' }>

function failed(ending: Exclude<Exchanged, { kind: 'answer' }>, stage: 'read' | 'write'): Refusal {
  if (ending.kind === 'interrupted') return ending
  return { kind: 'unanswered', stage, code: ending.code, message: ending.message }
}

function unsafePath(stage: 'read' | 'write'): Refusal {
  const message = 'With this mapping the path would hold a segment . or .., and end elsewhere.'
  return { kind: 'impossible', stage, code: 'unsafe_path', message }
}

const TOO_DEEP: Refusal = {
  kind: 'impossible',
  stage: 'write',
  code: 'invalid_payload',
  message: 'The payload is nested too deeply, or is too large, to be written as JSON.',
}

/** Null where it cannot be: a record from a source may be nested without bound. */
function serialize(payload: Json): string | null {
  try {
    return JSON.stringify(payload)
  } catch {
    return null
  }
}
