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
  /** Cuts the connection of the n-th statement from now on, before the database has seen it. */
  loseStatement(n: number): void
  /** Loses nothing more. Gives whether what was to be lost was lost. */
  mend(): boolean
  /** The next connection that is made is told that it is ready, and with the same breath that it ends. */
  turnAway(): void
  /** Nothing gets through any more on the connections that there are, nor on new ones; nobody is told. */
  goSilent(): void
  /** New connections get through again. */
  speak(): void
}

/** The server's word that it waits for a statement. */
const READY = Buffer.from('Z\0\0\0\x05I', 'latin1')

const FIELDS = ['SFATAL', 'VFATAL', 'C57P01', 'Mterminating connection', ''].join('\0')
/** Its word that the session is over. */
const SHUTTING_DOWN = Buffer.concat([
  Buffer.from(['E'.charCodeAt(0), 0, 0, 0, 4 + FIELDS.length + 1]),
  Buffer.from(`${FIELDS}\0`),
])

/** Stands before the database at `url` until the test is over. */
export async function startProxy(url: string): Promise<Proxy> {
  const target = new URL(url)
  const sockets = new Set<Socket>()
  let answers = Number.POSITIVE_INFINITY
  let statements = Number.POSITIVE_INFINITY
  let turnsAway = false
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
      statements -= 1
      if (statements === 0) client.destroy()
      else if (!silenced.has(client)) upstream.write(chunk)
    })
    upstream.on('data', (chunk) => {
      answers -= 1
      if (turnsAway && chunk.subarray(-READY.length).equals(READY)) {
        turnsAway = false
        client.end(Buffer.concat([chunk, SHUTTING_DOWN]))
      } else if (answers === 0) client.destroy()
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
    loseStatement(n) {
      statements = n
    },
    mend() {
      const isLost = answers <= 0 || statements <= 0
      answers = Number.POSITIVE_INFINITY
      statements = Number.POSITIVE_INFINITY
      return isLost
    },
    turnAway() {
      turnsAway = true
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
