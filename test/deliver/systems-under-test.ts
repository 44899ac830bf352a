/** What the tests of kinds have in common: a system to connect, and a loopback that is allowed. */
import { once } from 'node:events'
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { expect, onTestFinished } from 'vitest'
import type { Json } from '../../src/core/units.ts'
import type { Connection, Delivery, Kind } from '../../src/deliver/kind.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { call } from './calls.ts'
import { pem } from './tls/pem.ts'

/** Where the servers of tests listen. */
export const LOOPBACK = ['127.0.0.0/8']

/** A connection, closed when the test ends. */
export function connectKind<Config>(
  kind: Kind<Config>,
  config: Config,
  { timeout = 10_000, concurrency = 4 } = {},
): Connection {
  const ports = { secrets: [], clock: systemClock, random: systemRandom }
  const connection = kind.connect({ name: 'tested', config, timeout, concurrency, ...ports })
  onTestFinished(() => connection.close())
  return connection
}

/** The mapping `id` with its payload, as part of a call that hands over many. */
export function delivery(
  id: string,
  payload: Json,
  signal = new AbortController().signal,
): Delivery {
  return { call: { ...call({ id }, signal), idempotencyKey: `request-1:${id}` }, payload }
}

interface Proxy {
  readonly port: number
  /** Ends all connections. */
  cut(): void
  /** Lets nothing through any more on those that there are, and tells nobody. */
  hush(): void
  /** How many ends of connections there are. */
  ends(): number
}

/** A way to a server on loopback that can be cut, and a port that takes connections and says nothing. */
export async function proxyTo(port: number | null): Promise<Proxy> {
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const pair = port === null ? [near] : [near, createConnection({ port, host: '127.0.0.1' })]
    for (const socket of pair) {
      sockets.add(socket)
      socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    }
    const [, far] = pair
    if (far !== undefined) near.pipe(far).pipe(near)
  })
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  const hush = () => {
    for (const socket of sockets) socket.unpipe().resume()
  }
  onTestFinished(cut)
  return { port: await portOf(server), cut, hush, ends: () => sockets.size }
}

/** A way to a server on loopback that speaks TLS, and shows a certificate of the folder `tls`. */
export async function tlsTo(port: number, certificate: string): Promise<number> {
  const identity = { cert: pem(`${certificate}.crt`), key: pem(`${certificate}.key`) }
  const server = createTlsServer(identity, (near) => {
    const far = createConnection({ port, host: '127.0.0.1' })
    for (const socket of [near, far]) {
      socket.on('error', () => {}).on('close', () => [near, far].map((each) => each.destroy()))
    }
    near.pipe(far).pipe(near)
  })
  server.on('tlsClientError', () => {})
  return portOf(server)
}

/** Listens on a free port of loopback until the test is over. */
async function portOf(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('not listening on a port')
  return address.port
}

/** What a connection comes to whose certificate is not trusted. */
export const UNTRUSTED = {
  kind: 'unanswered',
  code: 'connection_failed',
  message: expect.stringContaining('The certificate of the host is not trusted'),
}

/** Settings of `tls` with which a server that shows `certificate` is not trusted. */
export const NOT_TRUSTED = [
  ['server', {}],
  ['server', { ca: pem('self-signed.crt') }],
  ['expired', { ca: pem('ca.crt') }],
  ['elsewhere', { ca: pem('ca.crt') }],
] as const
