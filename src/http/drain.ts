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
 * Node's own `close` waits for ever for a connection that never sent a byte, or only half its
 * headers, and for 72 s for an idle one; so connections are told apart here by whether a request of
 * theirs is being answered.
 */
export function createDrain(server: Server, clock: Clock): Drain {
  const sockets = new Set<Socket>()
  const answering = new Set<ServerResponse>()
  let isDraining = false
  let cancels: Cancel[] = []

  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.on('request', (_request, response) => {
    answering.add(response)
    response.once('close', () => answering.delete(response))
  })

  function sweep(): void {
    const busy = new Set([...answering].map(({ socket }) => socket))
    for (const socket of sockets) if (!busy.has(socket)) socket.destroy()
    cancels.push(clock.after(SWEEP_MS, sweep))
  }

  return {
    get isDraining() {
      return isDraining
    },
    begin(deadline) {
      isDraining = true
      for (const response of answering) {
        if (!response.headersSent) response.setHeader('connection', 'close')
      }
      cancels = [clock.after(deadline, () => server.closeAllConnections())]
      sweep()
    },
    end() {
      for (const cancel of cancels) cancel()
    },
  }
}
