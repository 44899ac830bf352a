import { connect, isIP, Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import type { Guard } from './guard.ts'

/** Where to connect to. */
export interface Endpoint {
  readonly host: string
  readonly port: number
  /** Null for a plain connection. The name in the certificate is `host` unless this says another. */
  readonly tls: ConnectionOptions | null
}

/**
 * Connects to where the guard lets it, and nowhere else. Answers at once, like `net.connect`: the
 * socket then says `connect` or `secureConnect`, or fails with an `AddressNotAllowed` among others.
 */
export function safeConnect({ host, port, tls }: Endpoint, guard: Guard): Socket {
  const refused = guard.check(host)
  if (refused !== null) return new Socket().destroy(refused)
  const { lookup } = guard
  const socket =
    tls === null
      ? connect({ host, port, lookup })
      : connectTls({ ...tls, host, port, lookup, servername: tls.servername ?? nameOf(host) })
  return socket.once('connect', () => {
    const strayed = guard.checkConnected(socket)
    if (strayed !== null) socket.destroy(strayed)
  })
}

/** An address is no name, and may not stand where the other side looks for one. */
function nameOf(host: string): string {
  return isIP(host) === 0 ? host : ''
}
