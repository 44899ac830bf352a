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
  /** Begins to drain; what is still open at the deadline is cut off. */
  begin(deadline: DurationMs): void
  /** Call when the server has closed. */
  end(): void
}

/**
 * Counted by connection, and not kept in a set of answers: a set through which thousands pass in a
 * second grows anew all the time, and each table that it has outgrown keeps what was in it alive
 * until a full collection of garbage.
 */
interface Connection {
  /** How many requests are being answered; more than one where the client pipelines. */
  answering: number
  /** The last answer to be begun; null where none is under way. */
  latest: ServerResponse | null
}

/**
 * Node's own `close` waits for ever for a connection that never sent a byte, or only half its
 * headers, and for 72 s for an idle one; so connections are told apart here by whether a request of
 * theirs is being answered.
 */
export function createDrain(server: Server, clock: Clock): Drain {
  const connections = new Map<Socket, Connection>()
  let isDraining = false
  let cancels: Cancel[] = []

  server.on('connection', (socket) => {
    connections.set(socket, { answering: 0, latest: null })
    socket.once('close', () => connections.delete(socket))
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

  function sweep(): void {
    for (const [socket, { answering }] of connections) if (answering === 0) socket.destroy()
    cancels.push(clock.after(SWEEP_MS, sweep))
  }

  return {
    get isDraining() {
      return isDraining
    },
    begin(deadline) {
      isDraining = true
      for (const { latest } of connections.values()) {
        if (latest?.headersSent === false) latest.setHeader('connection', 'close')
      }
      cancels = [clock.after(deadline, () => server.closeAllConnections())]
      sweep()
    },
    end() {
      for (const cancel of cancels) cancel()
    },
  }
}
