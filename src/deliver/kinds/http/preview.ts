import { MASK } from '../../../core/preview.ts'
import type { JsonObject } from '../../../core/units.ts'
import type { Preview, Shown } from '../../kind.ts'
import { invalidPayload } from '../endings.ts'
import { together } from '../shown.ts'
import { maskLiterals } from '../template.ts'
import type { Auth } from './auth.ts'
import { serialize, TOO_DEEP } from './body.ts'
import type { HttpConfig } from './config.ts'
import { baseOf, compileRequests } from './requests.ts'
import type { Outgoing } from './sender.ts'

/** Shows calls as `compileRequests` makes them, of a config in which nothing secret is left. */
export function preview(config: HttpConfig, userAgent: string): Preview {
  const { read, write, bulk } = compileRequests(masked(config), userAgent)
  const { origin } = baseOf(config)
  const show = (made: Outgoing): JsonObject => shownAs(made, origin)
  const orRefused = (made: ReturnType<typeof write>): Shown =>
    'kind' in made ? made : { kind: 'call', call: show(made) }
  return {
    latency: null,
    read: read === null ? null : (call) => orRefused(read(call)),
    write:
      bulk === null
        ? (deliveries) => deliveries.map(({ call, payload }) => orRefused(write(call, payload)))
        : together(
            ({ payload }) => serialize(payload) ?? invalidPayload(TOO_DEEP),
            (texts, deliveries) => show(bulk(deliveries, texts)),
          ),
  }
}

function shownAs({ method, path, headers, body }: Outgoing, origin: string): JsonObject {
  const named: [string, string][] = []
  for (let at = 0; at < headers.length; at += 2) {
    named.push([headers[at] ?? '', headers[at + 1] ?? ''])
  }
  return { method, url: origin + path, headers: Object.fromEntries(named), body }
}

/**
 * A config without what may be secret in it: who we are, and whatever the systems file itself puts into
 * a header or a query. What a mapping puts there stays.
 */
function masked({ auth, headers, read, write, bulk, ...config }: HttpConfig): HttpConfig {
  return {
    ...config,
    ...(auth && { auth: maskedAuth(auth) }),
    ...(headers && { headers: mapValues(headers, () => MASK) }),
    ...(read && { read: { ...read, ...maskedTemplates(read) } }),
    ...(write && { write: { ...write, ...maskedTemplates(write) } }),
    ...(bulk && { bulk: { ...bulk, ...maskedBulk(bulk) } }),
  }
}

function maskedAuth(auth: Auth): Auth {
  switch (auth.type) {
    case 'basic':
      return { type: 'header', name: 'authorization', value: `Basic ${MASK}` }
    case 'header':
      return { ...auth, value: MASK }
    case 'bearer':
    case 'oauth2_client_credentials':
      return { type: 'header', name: 'authorization', value: `Bearer ${MASK}` }
  }
}

type Templates = Pick<NonNullable<HttpConfig['write']>, 'path' | 'query' | 'headers'>

function maskedTemplates<T extends Templates>({ path, query, headers }: T): Templates {
  return {
    ...(path !== undefined && { path: maskedPath(path) }),
    ...(query && { query: mapValues(query, maskLiterals) }),
    ...(headers && { headers: mapValues(headers, maskLiterals) }),
  }
}

/** There are no templates in it. */
function maskedBulk({ path, headers = {} }: NonNullable<HttpConfig['bulk']>) {
  return { path: maskedPath(path), headers: mapValues(headers, () => MASK) }
}

/** A path may bring a query of its own. */
function maskedPath(path: string): string {
  const [steps = '', ...query] = path.split('?')
  if (query.length === 0) return path
  const pairs = query.join('?').split('&')
  return `${steps}?${pairs.map(maskedPair).join('&')}`
}

function maskedPair(pair: string): string {
  const [name = '', ...value] = pair.split('=')
  return value.length === 0 ? maskLiterals(pair) : `${name}=${maskLiterals(value.join('='))}`
}

function mapValues(
  values: Readonly<Record<string, string>>,
  change: (value: string) => string,
): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]))
}
