/** A line between the store and its database that breaks when it is told to. */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

export interface Proxy {
  readonly url: string
  /**
   * Swallows the n-th answer from now on, and cuts its connection: what was asked for has been done,
   * and whoever asked does not know.
   */
  loseAnswer(n: number): void
  /** Nothing gets through any more on the connections that there are, nor on new ones; nobody is told. */
  goSilent(): void
  /** New connections get through again. */
  speak(): void
}

/** Stands before the database at `url` until the test is over. */
export async function startProxy(url: string): Promise<Proxy> {
  const target = new URL(url)
  const sockets = new Set<Socket>()
  let answers = Number.POSITIVE_INFINITY
  let silent = false
  const silenced = new Set<Socket>()
  const server = createServer((client) => {
    if (silent) silenced.add(client)
    const upstream = connect(Number(target.port), target.hostname)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    client.on('data', (chunk) => {
      if (!silenced.has(client)) upstream.write(chunk)
    })
    upstream.on('data', (chunk) => {
      answers -= 1
      if (answers === 0) client.destroy()
      else if (!silenced.has(client)) client.write(chunk)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    server.close()
    for (const socket of sockets) socket.destroy()
    await once(server, 'close')
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('not listening on a port')
  const own = new URL(url)
  own.port = String(address.port)
  return {
    url: own.href,
    loseAnswer(n) {
      answers = n
    },
    goSilent() {
      silent = true
      for (const socket of sockets) silenced.add(socket)
    },
    speak() {
      silent = false
    },
  }
}
