import { createHash } from 'node:crypto'
import type { Json } from '../../../core/units.ts'
import type { Call, Delivery, Impossible } from '../../kind.ts'
import { invalidPayload } from '../endings.ts'
import { CONTENT_TYPES, ENCODERS } from './body.ts'
import type { BulkConfig } from './bulk-config.ts'
import type { HttpConfig, ReadConfig, WriteConfig } from './config.ts'
import { compileHeaders, fixedHeaders, type HeaderSources, type Headers } from './headers.ts'
import { compilePath } from './path.ts'
import type { Outgoing } from './sender.ts'

/** What is sent to one system: every sort of call, made of its config and of what the call is for. */
export interface Requests {
  /** Null where there is nothing to read. */
  readonly read: ((call: Call) => Outgoing | Impossible) | null
  write(call: Call, payload: Json): Outgoing | Impossible
  /** Of payloads that have been written as JSON; null where they go one by one. */
  readonly bulk: ((deliveries: readonly Delivery[], texts: readonly string[]) => Outgoing) | null
}

/**
 * Puts together, once, whatever does not differ from call to call.
 *
 * @param userAgent how Sluice names itself
 */
export function compileRequests(config: HttpConfig, userAgent: string): Requests {
  const { read, write = {}, bulk, auth, headers: common = {} } = config
  const { pathname } = baseOf(config)
  const prefix = pathname.replace(/\/$/, '')
  const sources = (own: HeaderSources['own'] = {}, contentType: string | null): HeaderSources => {
    return { common, own, auth, userAgent, contentType }
  }

  function reading({ method = 'GET', path: template, query, headers }: ReadConfig) {
    const pathOf = compilePath(prefix, template, query)
    const headersOf = compileHeaders(sources(headers, null))
    return (call: Call) => {
      const path = pathOf(call)
      if (path === null) return unsafePath('read')
      return { method, path, headers: headersOf(call), body: null }
    }
  }

  function writing({ method = 'POST', path, query, headers, body: form = 'json' }: WriteConfig) {
    const pathOf =
      path === undefined ? compilePath('', pathname, query) : compilePath(prefix, path, query)
    const headersOf = compileHeaders(sources(headers, CONTENT_TYPES[form]))
    const encode = ENCODERS[form]
    return (call: Call, payload: Json) => {
      const path = pathOf(call)
      if (path === null) return unsafePath('write')
      const body = encode(payload)
      if (body.kind === 'unfit') return invalidPayload(body.message)
      return { method, path, headers: headersOf(call), body: body.text }
    }
  }

  function writingMany({ method = 'POST', path, headers, wrap }: BulkConfig) {
    const fixed = fixedHeaders(sources(headers, CONTENT_TYPES.json))
    const [open, close] = wrap === undefined ? ['[', ']'] : [`{${JSON.stringify(wrap)}:[`, ']}']
    return (deliveries: readonly Delivery[], texts: readonly string[]) => {
      const headers = [...fixed, ...sharedHeaders(deliveries)]
      return { method, path: prefix + path, headers, body: open + texts.join(',') + close }
    }
  }

  return {
    read: read === undefined ? null : reading(read),
    write: writing(write),
    bulk: bulk === undefined ? null : writingMany(bulk),
  }
}

/**
 * The two parts of the address that all paths begin at. Where what is masked in it leaves no address,
 * all of it is the first.
 */
export function baseOf({ base_url }: HttpConfig): Pick<URL, 'origin' | 'pathname'> {
  return URL.parse(base_url) ?? { origin: base_url.replace(/\/$/, ''), pathname: '' }
}

/** The same mappings bring the same key, however they are ordered; the first one brings the trace. */
function sharedHeaders(deliveries: readonly Delivery[]): Headers {
  const keys = deliveries.map(({ call }) => call.idempotencyKey).sort()
  const key = createHash('sha256').update(keys.join('\n')).digest('base64url')
  const [request, ...others] = new Set(deliveries.map(({ call }) => call.request))
  const one = request !== undefined && others.length === 0 ? ['sluice-request-id', request] : []
  const trace = deliveries.slice(0, 1).flatMap(({ call }) => ['traceparent', call.traceparent])
  return ['idempotency-key', key, ...trace, ...one]
}

function unsafePath(stage: 'read' | 'write'): Impossible {
  const message = 'With this mapping the path would hold a segment . or .., and end elsewhere.'
  return { kind: 'impossible', stage, code: 'unsafe_path', message }
}
