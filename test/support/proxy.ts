/** A line between the store and its database that breaks when it is told to. */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { Messages } from './wire.ts'

/** The server waits for a statement: it has taken the client in, or answered all of the last one. */
const READY = 'Z'

/** What was asked for could not be done. */
const ERROR = 'E'

/** The client takes its leave. */
const FAREWELL = 'X'

const FIELDS = ['SFATAL', 'VFATAL', 'C57P01', 'Mterminating connection', ''].join('\0')
/** The server's word that the session is over. */
const SHUTTING_DOWN = Buffer.concat([
  Buffer.from(['E'.charCodeAt(0), 0, 0, 0, 4 + FIELDS.length + 1]),
  Buffer.from(`${FIELDS}\0`),
])

const NEVER = Number.POSITIVE_INFINITY

/** Stands before the database at `url` until the test is over. */
export async function startProxy(url: string): Promise<Line> {
  const target = new URL(url)
  const line = new Line()
  // Many a message is small, and is not to wait for the next.
  const server = createServer({ noDelay: true }, (client) => {
    const { hostname: host, port } = target
    line.join(client, connect({ host, port: Number(port), noDelay: true }))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    server.close()
    line.cut()
    await once(server, 'close')
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('not listening on a port')
  const own = new URL(url)
  own.port = String(address.port)
  line.url = own.href
  return line
}

/** What happens to the connections that go through it. All count together. */
export class Line {
  /** Where to find it. */
  url = ''
  readonly #sockets = new Set<Socket>()
  readonly #silenced = new Set<Socket>()
  #silent = false
  #turnsAway = false
  #translates = false
  /** Which one from now on is lost; 0 when it has been. */
  #statement = NEVER
  #answer = NEVER

  /** Cuts the connection of the n-th statement from now on, before the database has seen it. */
  loseStatement(n: number): void {
    this.#statement = n
  }

  /**
   * Swallows the whole answer to the n-th statement from now on, and cuts its connection: what was
   * asked for has been done, and whoever asked does not know.
   */
  loseAnswer(n: number): void {
    this.#answer = n
  }

  /** Loses nothing more. Gives whether what was to be lost was lost. */
  mend(): boolean {
    const isLost = this.#statement === 0 || this.#answer === 0
    this.#statement = NEVER
    this.#answer = NEVER
    return isLost
  }

  /** The next connection that is made is told that it is ready, and with the same breath that it ends. */
  turnAway(): void {
    this.#turnsAway = true
  }

  /** Nothing gets through any more on the connections that there are, nor on new ones; nobody is told. */
  goSilent(): void {
    this.#silent = true
    for (const socket of this.#sockets) this.#silenced.add(socket)
  }

  /** New connections get through again. */
  speak(): void {
    this.#silent = false
  }

  /** The server says what is an error in the language of its users: Czech, where the word is as long. */
  speakCzech(): void {
    this.#translates = true
  }

  /** Cuts all connections. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  /** Has a client and its database speak to each other. */
  join(client: Socket, database: Socket): void {
    if (this.#silent) this.#silenced.add(client)
    for (const socket of [client, database]) this.#watch(socket, [client, database])
    let isTakenIn = false
    let isAwaited = false
    const asked = new Messages('client')
    client.on('data', (chunk) => {
      if (this.#silenced.has(client)) return
      for (const { type, bytes } of asked.take(chunk)) {
        if (isAwaited && type !== FAREWELL && this.#losesStatement()) client.destroy()
        if (client.destroyed) return
        isAwaited = false
        database.write(bytes)
      }
    })
    const answered = new Messages('server')
    database.on('data', (chunk) => {
      if (this.#silenced.has(client)) return
      for (const { type, bytes } of answered.take(chunk)) {
        const isReady = type === READY
        const isLost = isTakenIn && this.#losesAnswer(isReady)
        if (isReady && isLost) client.destroy()
        if (client.destroyed) return
        if (isReady && !isTakenIn && this.#turnsAway) this.#end(client, bytes)
        else if (!isLost) client.write(this.#translates && type === ERROR ? inCzech(bytes) : bytes)
        isTakenIn ||= isReady
        isAwaited = isReady
      }
    })
  }

  /** When one end is gone, so is the other. */
  #watch(socket: Socket, ends: readonly Socket[]): void {
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#sockets.delete(socket)
      for (const end of ends) end.destroy()
    })
  }

  #losesStatement(): boolean {
    if (this.#statement === 0) return false
    this.#statement -= 1
    return this.#statement === 0
  }

  /** Of the lost answer this is so for each message, the last included. */
  #losesAnswer(isLast: boolean): boolean {
    const isLost = this.#answer === 1
    if (isLast && this.#answer > 0) this.#answer -= 1
    return isLost
  }

  #end(client: Socket, ready: Buffer): void {
    this.#turnsAway = false
    client.end(Buffer.concat([ready, SHUTTING_DOWN]))
  }
}

function inCzech(error: Buffer): Buffer {
  return Buffer.from(error.toString('latin1').replace('SERROR\0', 'SCHYBA\0'), 'latin1')
}
