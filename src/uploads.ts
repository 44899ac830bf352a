/** The threads that read large bodies, as the API sees them. */
import { MessageChannel, type MessagePort, type ResourceLimits, Worker } from 'node:worker_threads'
import type { UploadEnding, UploadOrder } from './intake/upload.ts'
import type { ReceiverData, ReceiverMessage, UploadMessage, UploadNews } from './receiver.ts'
import { transferable } from './storage.ts'

/** How much of one body may be on its way to its thread: the client waits while there is no room. */
const WINDOW_BYTES = 1_000_000

export interface Uploads {
  /** Takes a request from a body, or plans it, no faster than it is read. Where `body` throws, this throws the same. */
  upload(order: UploadOrder, body: AsyncIterable<Uint8Array>): Promise<UploadEnding>
  /** Lets go of the store. Nothing may be uploaded any more. */
  close(): Promise<void>
}

export interface UploadsOptions {
  /** What each thread is started with. */
  readonly data: () => ReceiverData
  /** How many bodies may be on their way at once. */
  readonly max: number
}

/**
 * Bodies that are read as they come have a thread, and those that must be there whole before anything is
 * known of them have another: they take seconds at a time, and any amount of memory.
 */
export function openUploads({ data, max }: UploadsOptions): Uploads {
  const streams = openReceiver(data, limitsForStreams(max))
  const documents = openReceiver(data, {})
  return {
    upload(order, body) {
      const receiver = order.content.format === 'json' ? documents : streams
      return receiver.take(order, body)
    },
    async close() {
      await Promise.all([streams.close(), documents.close()])
    },
  }
}

/**
 * What streams take is known, so what is garbage is collected before it is much: V8 would let it grow to
 * three times as much by itself. In megabytes.
 */
function limitsForStreams(max: number): ResourceLimits {
  return { maxYoungGenerationSizeMb: 12, maxOldGenerationSizeMb: 256 + 8 * max }
}

interface Receiver {
  take(order: UploadOrder, body: AsyncIterable<Uint8Array>): Promise<UploadEnding>
  close(): Promise<void>
}

/**
 * A thread that is started when there is something for it. If it dies, what was being uploaded fails, and
 * nothing of it is there; the next upload starts another one.
 */
function openReceiver(data: () => ReceiverData, resourceLimits: ResourceLimits): Receiver {
  const uploads = new Set<Upload>()
  let thread: Worker | null = null

  function start(): Worker {
    const workerData = data()
    const transferList = transferable(workerData.store)
    const url = new URL('./receiver.ts', import.meta.url)
    const started = new Worker(url, { workerData, transferList, resourceLimits })
    started.on('error', (cause) => end(started, cause))
    started.on('exit', () => end(started, null))
    return started
  }

  function end(ended: Worker, cause: unknown): void {
    if (thread !== ended) return
    thread = null
    const error = new Error('the thread that read the body has ended', { cause })
    for (const upload of uploads) upload.fail(error)
  }

  function tell(message: ReceiverMessage, transfer: MessagePort[]): void {
    thread ??= start()
    thread.postMessage(message, transfer)
  }

  return {
    async take(order, body) {
      const { port1, port2 } = new MessageChannel()
      const upload = new Upload(port1)
      tell({ kind: 'receive', order, port: port2 }, [port2])
      uploads.add(upload)
      void upload.send(body)
      try {
        return await upload.ended
      } finally {
        uploads.delete(upload)
        upload.close()
      }
    },
    async close() {
      if (thread === null) return
      const { promise: exited, resolve } = Promise.withResolvers<void>()
      // However it ends: what it dies of is told to those whose bodies it was reading.
      thread.once('exit', () => resolve())
      tell({ kind: 'close' }, [])
      await exited
    },
  }
}

/** One body on its way to the thread. */
class Upload {
  /** Rejects with what the body threw, where it did, once nothing is left of what came before. */
  readonly ended: Promise<UploadEnding>
  readonly fail: (error: Error) => void
  readonly #port: MessagePort
  #thrown: unknown = null
  /** How many bytes are on their way. */
  #underWay = 0
  #isOver = false
  #wake = () => {}

  constructor(port: MessagePort) {
    this.#port = port
    const { promise, resolve, reject } = Promise.withResolvers<UploadEnding>()
    this.ended = promise
    this.fail = reject
    port.on('message', (news: UploadNews) => {
      if (news.kind === 'taken') this.#underWay -= news.bytes
      else if (news.kind === 'ended') resolve(news.ending)
      else reject(this.#thrown ?? Object.assign(new Error(news.message), { name: news.name }))
      this.#wake()
    })
  }

  /** Sends a body, until it is sent or all is over. It is for `ended` to tell how that went. */
  async send(body: AsyncIterable<Uint8Array>): Promise<void> {
    try {
      for await (const bytes of body) {
        if (this.#isOver) break
        this.#underWay += bytes.length
        const own = ownBuffer(bytes)
        this.#post({ kind: 'bytes', bytes: own }, [own.buffer])
        while (this.#underWay > WINDOW_BYTES && !this.#isOver) await this.#news()
      }
      this.#post({ kind: 'end' })
    } catch (error) {
      this.#thrown = error
      this.#post({ kind: 'abort' })
    }
  }

  close(): void {
    this.#isOver = true
    this.#wake()
    this.#port.close()
  }

  #post(message: UploadMessage, transfer: ArrayBuffer[] = []): void {
    this.#port.postMessage(message, transfer)
  }

  #news(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }
}

/** Bytes in a buffer that nobody else looks at, so that it can be handed over. */
function ownBuffer(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = bytes
  const isWhole = byteOffset === 0 && byteLength === buffer.byteLength
  return isWhole && buffer instanceof ArrayBuffer ? new Uint8Array(buffer) : new Uint8Array(bytes)
}
