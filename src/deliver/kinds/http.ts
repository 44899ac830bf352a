import type { Resolve } from '../connect/guard.ts'
import type { Connection, Kind, SystemContext } from '../kind.ts'
import { recordOf, resultOf } from './http/answer.ts'
import { CONTENT_TYPES, ENCODERS } from './http/body.ts'
import { openBulk } from './http/bulk.ts'
import type { BulkConfig } from './http/bulk-config.ts'
import { type Calls, openCalls, type Refusal } from './http/calls.ts'
import { config, type HttpConfig, type ReadConfig, type WriteConfig } from './http/config.ts'
import {
  compileHeaders,
  fixedHeaders,
  type HeaderSources,
  type HeaderTemplate,
} from './http/headers.ts'
import { compilePath, type PathTemplate } from './http/path.ts'
import { parsePointer } from './http/pointer.ts'
import { withLearned } from './http/rate-headers.ts'

/**
 * Any system with an HTTP API: one call reads a record, one call writes a payload, or many.
 *
 * @param userAgent how Sluice names itself, as `sluice/1.2.3`
 * @param resolve looks names up in the place of the machine
 */
export function http(userAgent: string, resolve?: Resolve): Kind<HttpConfig> {
  return { name: 'http', config, connect: (system) => connect(system, userAgent, resolve) }
}

function connect(
  system: SystemContext<HttpConfig>,
  userAgent: string,
  resolve: Resolve | undefined,
): Connection {
  const { read, write = {}, bulk, auth, headers: common = {}, base_url } = system.config
  const calls = openCalls(system, userAgent, resolve)
  const { pathname } = new URL(base_url)
  const prefix = pathname.replace(/\/$/, '')
  const sources = (own: HeaderSources['own'] = {}, contentType: string | null): HeaderSources => {
    return { common, own, auth, userAgent, contentType }
  }

  function connectRead({ path, query, headers, ...config }: ReadConfig) {
    const template = {
      path: compilePath(prefix, path, query),
      headers: compileHeaders(sources(headers, null)),
    }
    return reader(config, template, calls)
  }

  function connectWrite({ path, query, headers, ...config }: WriteConfig) {
    const contentType = CONTENT_TYPES[config.body ?? 'json']
    const template = {
      path:
        path === undefined ? compilePath('', pathname, query) : compilePath(prefix, path, query),
      headers: compileHeaders(sources(headers, contentType)),
    }
    return writer(config, template, calls)
  }

  function connectBulk(config: BulkConfig) {
    const headers = fixedHeaders(sources(config.headers, CONTENT_TYPES.json))
    return openBulk(config, { calls, path: prefix + config.path, headers })
  }

  return {
    read: read === undefined ? null : connectRead(read),
    write: connectWrite(write),
    bulk: bulk === undefined ? null : connectBulk(bulk),
    close: () => calls.close(),
  }
}

/** The parts of a call that its mapping has a part in. */
interface CallTemplate {
  readonly path: PathTemplate
  readonly headers: HeaderTemplate
}

function reader(
  { method = 'GET', record }: Omit<ReadConfig, 'path'>,
  template: CallTemplate,
  calls: Calls,
): NonNullable<Connection['read']> {
  const at = parsePointer(record ?? '') ?? []
  return async (call) => {
    const path = template.path(call)
    if (path === null) return unsafePath('read')
    const request = { method, path, headers: template.headers(call), body: null }
    const answer = await calls.make(request, 'read', call.signal)
    if (answer.kind !== 'answer') return answer
    return withLearned(recordOf(answer, at), answer.headers, calls.now())
  }
}

function writer(
  { method = 'POST', body: form = 'json', result }: WriteConfig,
  template: CallTemplate,
  calls: Calls,
): Connection['write'] {
  const encode = ENCODERS[form]
  const at = result === undefined ? null : parsePointer(result)
  return async (call, payload) => {
    const path = template.path(call)
    if (path === null) return unsafePath('write')
    const body = encode(payload)
    if (body.kind === 'unfit') return unfit(body.message)
    const request = { method, path, headers: template.headers(call), body: body.text }
    const answer = await calls.make(request, 'write', call.signal)
    if (answer.kind !== 'answer') return answer
    const kept = result === 'none' ? null : resultOf(answer, at, calls.secrets())
    return withLearned({ kind: 'delivered', result: kept }, answer.headers, calls.now())
  }
}

function unsafePath(stage: 'read' | 'write'): Refusal {
  const message = 'With this mapping the path would hold a segment . or .., and end elsewhere.'
  return { kind: 'impossible', stage, code: 'unsafe_path', message }
}

function unfit(message: string): Refusal {
  return { kind: 'impossible', stage: 'write', code: 'invalid_payload', message }
}
