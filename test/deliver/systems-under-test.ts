/** What the tests of kinds have in common: a system to connect, and a loopback that is allowed. */
import { once } from 'node:events'
import { createConnection, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import type { Json } from '../../src/core/units.ts'
import type { Connection, Delivery, Kind } from '../../src/deliver/kind.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { call } from './calls.ts'

/** Where the servers of tests listen. */
export const LOOPBACK = ['127.0.0.0/8']

/** A connection, closed when the test ends. */
export function connectKind<Config>(
  kind: Kind<Config>,
  config: Config,
  { timeout = 10_000, concurrency = 4 } = {},
): Connection {
  const ports = { clock: systemClock, random: systemRandom }
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

/** A way to a server on loopback that can be cut, and a port that takes connections and says nothing. */
export async function proxyTo(port: number | null): Promise<{ port: number; cut(): void }> {
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
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    cut()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('not listening on a port')
  return { port: address.port, cut }
}
