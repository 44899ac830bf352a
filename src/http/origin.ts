/**
 * Keeps pages of other sites away. Nobody is asked who they are, so whatever a browser on this machine sends
 * would be obeyed, and any page that it shows can have it send something.
 */
import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { type Slug, sendProblem } from './problem.ts'

interface Sent {
  readonly method: string
  readonly headers: IncomingHttpHeaders
}

interface OriginFault {
  readonly slug: Extract<Slug, 'cross-site-request' | 'unknown-host'>
  readonly detail: string
}

/**
 * Refuses whatever does not come from where it may, before anything of it is read.
 *
 * @param names the names by which Sluice goes beside those of this machine; null for any
 */
export function guardOrigins(app: FastifyInstance, names: readonly string[] | null): void {
  app.addHook('onRequest', (request, reply, done) => {
    const fault = originFault(request, names)
    if (fault === null) return done()
    reply.header('connection', 'close')
    sendProblem(reply, fault.slug, fault.detail)
  })
}

/** Null for what no browser sends, and for pages of our own. */
function originFault(sent: Sent, names: readonly string[] | null): OriginFault | null {
  if (!isOurs(sent.headers.host, names)) return { slug: 'unknown-host', detail: UNKNOWN_HOST }
  if (isFromElsewhere(sent)) return { slug: 'cross-site-request', detail: FROM_ELSEWHERE }
  return null
}

const UNKNOWN_HOST =
  'Call it localhost, 127.0.0.1 or [::1]. Where a proxy on this machine passes on another name, say that name in SLUICE_ALLOWED_HOSTS.'
const FROM_ELSEWHERE =
  'A browser sent this for a page of another site. Send it from a page of Sluice itself, or from a program. A proxy in between must pass on the Host header that it received.'

/**
 * Whoever owns a name may have it lead to this machine: a page of that name would be one of ours to its
 * browser, and could read the answers as well (DNS rebinding). Programs of long ago send no Host.
 */
function isOurs(host: string | undefined, names: readonly string[] | null): boolean {
  if (names === null || host === undefined) return true
  const name = host.toLowerCase().replace(/:\d*$/, '')
  return LOOPBACK.test(name) || names.includes(name)
}

/** Nobody else can own one of these, or be reached by it. */
const LOOPBACK = /^(?:(?:[\w-]+\.)*localhost|127\.\d+\.\d+\.\d+|\[::1\])$/

/** What changes nothing may come from anywhere: no page elsewhere sees the answer. */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Browsers say it in Sec-Fetch-Site; those that do not yet, or over plain HTTP, tell the page's Origin. */
function isFromElsewhere({ method, headers }: Sent): boolean {
  if (SAFE.has(method)) return false
  const { 'sec-fetch-site': site, origin, host = '' } = headers
  if (site !== undefined) return site !== 'same-origin' && site !== 'none'
  if (origin === undefined) return false
  return origin.replace(/^https?:\/\//, '').toLowerCase() !== host.toLowerCase()
}
