/** A client of which each byte is known. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface Connection {
  readonly socket: Socket
  /** All that was received, once the connection is closed. */
  readonly closed: Promise<string>
  /** Resolves as soon as this was received. */
  received(text: string): Promise<void>
}

/** Connects, and sends some bytes. */
export async function open(url: string, bytes: string | Buffer): Promise<Connection> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  const { promise: closed, resolve } = Promise.withResolvers<string>()
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk.toString()
  })
  socket.on('error', () => {})
  socket.on('close', () => resolve(text))
  await once(socket, 'connect')
  socket.write(bytes)
  return { socket, closed, received }

  async function received(part: string): Promise<void> {
    while (!text.includes(part)) {
      if (socket.closed) throw new Error(`the connection was closed after: ${text}`)
      await new Promise((next) => {
        socket.once('data', next)
        socket.once('close', next)
      })
    }
  }
}
