/** What PostgreSQL and its clients say to each other, as far as where one message ends: protocol 3. */

/** One message, whole. */
export interface Message {
  /** A letter; none in the first that a client sends. */
  readonly type: string
  readonly bytes: Buffer
}

/** How many bytes the length of a message takes, which counts itself and not the type before it. */
const LENGTH = 4

/** One direction of a connection, cut into messages, however the network has cut it. */
export class Messages {
  #rest = Buffer.alloc(0)
  #isTyped: boolean

  constructor(from: 'client' | 'server') {
    this.#isTyped = from === 'server'
  }

  /** Takes in what has come, and gives the messages that are whole now. */
  *take(chunk: Buffer): Iterable<Message> {
    this.#rest = Buffer.concat([this.#rest, chunk])
    for (;;) {
      const start = this.#isTyped ? 1 : 0
      if (this.#rest.length < start + LENGTH) return
      const end = start + this.#rest.readInt32BE(start)
      if (this.#rest.length < end) return
      const bytes = this.#rest.subarray(0, end)
      this.#rest = this.#rest.subarray(end)
      this.#isTyped = true
      yield { type: bytes.toString('latin1', 0, start), bytes }
    }
  }
}
