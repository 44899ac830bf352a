import type { Resolve } from '../connect/guard.ts'
import type { Connection, Kind, SystemContext } from '../kind.ts'
import { recordOf, resultOf } from './http/answer.ts'
import { openBulk } from './http/bulk.ts'
import { type Calls, openCalls } from './http/calls.ts'
import { config, type HttpConfig } from './http/config.ts'
import { parsePointer } from './http/pointer.ts'
import { preview } from './http/preview.ts'
import { withLearned } from './http/rate-headers.ts'
import { compileRequests, type Requests } from './http/requests.ts'

/**
 * Any system with an HTTP API: one call reads a record, one call writes a payload, or many.
 *
 * @param userAgent how Sluice names itself, as `sluice/1.2.3`
 * @param resolve looks names up in the place of the machine
 */
export function http(userAgent: string, resolve?: Resolve): Kind<HttpConfig> {
  return {
    name: 'http',
    config,
    connect: (system) => connect(system, userAgent, resolve),
    preview: (system) => preview(system.config, userAgent),
  }
}

function connect(
  system: SystemContext<HttpConfig>,
  userAgent: string,
  resolve: Resolve | undefined,
): Connection {
  const { read, write, bulk } = system.config
  const calls = openCalls(system, userAgent, resolve)
  const requests = compileRequests(system.config, userAgent)
  return {
    read: requests.read === null ? null : reader(requests.read, read?.record, calls),
    write: writer(requests.write, write?.result, calls),
    bulk:
      bulk === undefined || requests.bulk === null ? null : openBulk(bulk, requests.bulk, calls),
    close: () => calls.close(),
  }
}

function reader(
  request: NonNullable<Requests['read']>,
  record: string | undefined,
  calls: Calls,
): NonNullable<Connection['read']> {
  const at = parsePointer(record ?? '') ?? []
  return async (call) => {
    const made = request(call)
    if ('kind' in made) return made
    const answer = await calls.make(made, 'read', call.signal)
    if (answer.kind !== 'answer') return answer
    return withLearned(recordOf(answer, at), answer.headers, calls.now())
  }
}

function writer(
  request: Requests['write'],
  result: string | undefined,
  calls: Calls,
): Connection['write'] {
  const at = result === undefined ? null : parsePointer(result)
  return async (call, payload) => {
    const made = request(call, payload)
    if ('kind' in made) return made
    const answer = await calls.make(made, 'write', call.signal)
    if (answer.kind !== 'answer') return answer
    const kept = result === 'none' ? null : resultOf(answer, at, calls.secrets())
    return withLearned({ kind: 'delivered', result: kept }, answer.headers, calls.now())
  }
}
