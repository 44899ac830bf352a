import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { DurationMs } from '../core/units.ts'
import type { Cancel, Clock } from '../lib/clock.ts'

/** How often connections that have fallen idle are looked for while the server drains. */
const SWEEP_MS: DurationMs = 50

/** Ends a server's connections without cutting off an answer that is still to come. */
export interface Drain {
  /** No new request is taken. */
  readonly isDraining: boolean
  /** Whether an answer has begun to go out through this socket, and has not ended. */
  isAnswering(socket: Socket): boolean
  /** Begins to drain; what is still open at the deadline is cut off. */
  begin(deadline: DurationMs): void
  /** Call when the server has closed. */
  end(): void
}

interface Connection {
  /** How many requests are being answered; more than one where the client pipelines. */
  answering: number
  /** The last answer to be begun; null where none is under way. */
  latest: ServerResponse | null
}

/** So many connections may be remembered that have closed, or as many as are open. */
const CLOSED_MAX = 64

/**
 * Node's own `close` waits for ever for a connection that never sent a byte, or only half its
 * headers, and for 72 s for an idle one; so connections are told apart here by whether a request of
 * theirs is being answered.
 *
 * No listener waits for a socket to close: with one more than Node's own, V8 (measured in Node 24)
 * keeps the requests of a connection alive until a full collection, and the API takes a quarter more
 * time. Closed ones are looked for as new ones come.
 *
 * @param isStillSending whether a client sends on, though it is answered. It may not have read the answer,
 *   which is lost where the connection is closed before what it sends was read: it is waited for.
 */
export function createDrain(
  server: Server,
  clock: Clock,
  isStillSending: (socket: Socket) => boolean,
): Drain {
  const connections = new Map<Socket, Connection>()
  let isDraining = false
  let cancels: Cancel[] = []
  let tidyAt = CLOSED_MAX

  server.on('connection', (socket) => {
    connections.set(socket, { answering: 0, latest: null })
    if (connections.size > tidyAt) tidy()
  })
  server.on('request', ({ socket }, response) => {
    const connection = connections.get(socket)
    if (connection === undefined) return
    connection.answering += 1
    connection.latest = response
    response.once('close', () => {
      connection.answering -= 1
      connection.latest = null
    })
  })

  function tidy(): void {
    for (const socket of connections.keys()) if (socket.destroyed) connections.delete(socket)
    tidyAt = 2 * connections.size + CLOSED_MAX
  }

  function sweep(): void {
    for (const [socket, { answering }] of connections) {
      if (answering === 0 && !isStillSending(socket)) socket.destroy()
    }
    cancels.push(clock.after(SWEEP_MS, sweep))
  }

  return {
    get isDraining() {
      return isDraining
    },
    isAnswering: (socket) => connections.get(socket)?.latest?.headersSent === true,
    begin(deadline) {
      isDraining = true
      for (const [socket, { latest }] of connections) {
        if (latest?.headersSent !== false || isStillSending(socket)) continue
        latest.setHeader('connection', 'close')
      }
      cancels = [clock.after(deadline, () => server.closeAllConnections())]
      sweep()
    },
    end() {
      for (const cancel of cancels) cancel()
    },
  }
}
