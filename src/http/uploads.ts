import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { DurationMs } from '../core/units.ts'
import type { Cancel, Clock } from '../lib/clock.ts'
import { ClientGone } from './body.ts'

/** The client sent nothing for too long, or took too long over all of it. */
export class TooSlow extends Error {
  override readonly name = 'TooSlow'
}

/** The server is about to stop, and waits for nobody who has more to send. */
export class Stopping extends Error {
  override readonly name = 'Stopping'
}

export interface UploadTimeouts {
  /** How long a client may be silent in the middle of a body. */
  readonly silence: DurationMs
  /** How long all of it may take. */
  readonly whole: DurationMs
  /** How long it may go on sending when it has its answer. */
  readonly afterwards: DurationMs
}

/**
 * The large bodies that are being received. Their clients may take their time, which Node's own timeout
 * for a whole request does not allow: it is a limit for all connections, so here it is passed over.
 */
export class Uploads {
  readonly #clock: Clock
  readonly #timeouts: UploadTimeouts
  readonly #max: number
  readonly #bodies = new Set<UploadBody>()
  readonly #sockets = new WeakSet<Socket>()

  constructor(clock: Clock, timeouts: UploadTimeouts, max: number) {
    this.#clock = clock
    this.#timeouts = timeouts
    this.#max = max
  }

  get isFull(): boolean {
    return this.#bodies.size >= this.#max
  }

  /** Whether a large body comes through this socket. */
  isReceiving(socket: Socket): boolean {
    return this.#sockets.has(socket)
  }

  /** Does something with the bytes of a large body. Whatever is left of it then is not listened to. */
  async receive<T>(
    payload: IncomingMessage,
    work: (bytes: AsyncIterable<Uint8Array>) => Promise<T>,
  ): Promise<T> {
    const body = new UploadBody(payload, this.#clock, this.#timeouts)
    this.#bodies.add(body)
    if (payload.socket !== undefined) this.#sockets.add(payload.socket)
    try {
      return await work(body.bytes())
    } finally {
      this.#bodies.delete(body)
      body.letGo(() => this.#sockets.delete(payload.socket))
    }
  }

  /** Ends all bodies that have not come whole. */
  stop(): void {
    for (const body of this.#bodies) body.interrupt(new Stopping())
  }
}

/** The bytes of one body, no faster than they are asked for. */
class UploadBody {
  readonly #payload: IncomingMessage
  readonly #clock: Clock
  readonly #timeouts: UploadTimeouts
  readonly #chunks: Buffer[] = []
  readonly #cancels: Cancel[]
  #isWhole = false
  #interruption: Error | null = null
  #wake = () => {}

  constructor(payload: IncomingMessage, clock: Clock, timeouts: UploadTimeouts) {
    this.#payload = payload
    this.#clock = clock
    this.#timeouts = timeouts
    this.#cancels = [clock.after(timeouts.whole, () => this.interrupt(new TooSlow()))]
    payload.on('data', this.#take)
    payload.on('end', this.#end)
    payload.on('error', this.#lose)
    payload.on('close', this.#lose)
  }

  /** @throws ClientGone, TooSlow, Stopping */
  async *bytes(): AsyncGenerator<Uint8Array, void> {
    for (;;) {
      const chunk = this.#chunks.shift()
      if (chunk !== undefined) yield chunk
      else if (this.#interruption !== null) throw this.#interruption
      else if (this.#isWhole) return
      else await this.#more()
    }
  }

  /** Gives up on what has not come. */
  interrupt(reason: Error): void {
    if (this.#isWhole) return
    this.#interruption ??= reason
    this.#wake()
  }

  /** Lets whatever comes pass by: a client that is still sending may not be listening yet. */
  letGo(done: () => void): void {
    for (const cancel of this.#cancels) cancel()
    this.interrupt(new ClientGone())
    this.#payload.off('data', this.#take)
    if (this.#isWhole || this.#payload.destroyed) {
      done()
      return
    }
    const cancel = this.#clock.after(this.#timeouts.afterwards, () => this.#payload.destroy())
    this.#payload.once('close', () => {
      cancel()
      done()
    })
    this.#payload.resume()
  }

  async #more(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#wake = resolve
    const cancel = this.#clock.after(this.#timeouts.silence, () => this.interrupt(new TooSlow()))
    this.#payload.resume()
    await promise
    cancel()
  }

  readonly #take = (chunk: Buffer): void => {
    this.#chunks.push(chunk)
    this.#payload.pause()
    this.#wake()
  }

  readonly #end = (): void => {
    this.#isWhole = true
    this.#wake()
  }

  readonly #lose = (): void => this.interrupt(new ClientGone())
}
