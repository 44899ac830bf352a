/** The thread that writes results as text, as the API sees it. */
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import type { DownloadOrder } from './http/results/download.ts'
import type { RendererAnswer, RendererData, RendererMessage } from './renderer.ts'
import { type StoreAccess, transferable } from './storage.ts'

/**
 * All that a download makes is gone soon after. With as much room for what is young as V8 takes by
 * itself, the thread was measured to keep 120 MB more of it, for a tenth more speed.
 */
const YOUNG_MB_MAX = 24

export interface Downloads {
  /** Writes results, no faster than they are taken. Whoever takes no more returns it. */
  download(order: DownloadOrder): AsyncGenerator<Uint8Array, void>
  /** Lets go of the store. Nothing may be downloaded any more. */
  close(): Promise<void>
}

interface Thread {
  readonly worker: Worker
  /** Resolves when it has ended, with what it died of if it did. */
  readonly ended: Promise<unknown>
}

/** Starts the thread with the first download. It only reads: if it dies, the next one starts another. */
export function openDownloads(share: () => StoreAccess): Downloads {
  let current: Thread | null = null

  function start(): Thread {
    const workerData: RendererData = { store: share() }
    const worker = new Worker(new URL('./renderer.ts', import.meta.url), {
      workerData,
      transferList: transferable(workerData.store),
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB_MAX },
    })
    const ended = new Promise((resolve) => {
      worker.once('error', resolve)
      worker.once('exit', resolve)
    })
    const thread = { worker, ended }
    void ended.then(() => {
      if (current === thread) current = null
    })
    return thread
  }

  async function* download(order: DownloadOrder): AsyncGenerator<Uint8Array, void> {
    const { port1, port2 } = new MessageChannel()
    const message: RendererMessage = { kind: 'download', order, port: port2 }
    current ??= start()
    const { worker, ended } = current
    worker.postMessage(message, [port2])
    let isCut = false
    port1.once('close', () => {
      isCut = true
    })
    try {
      for (;;) {
        // The thread may have ended while nobody asked: then nobody answers.
        const answer = isCut ? null : await ask(port1)
        if (answer === null) throw new Error('its thread has ended', { cause: await ended })
        if (answer.kind === 'end') return
        if (answer.kind === 'failed')
          throw Object.assign(new Error(answer.message), { name: answer.name })
        yield answer.bytes
      }
    } finally {
      port1.close()
    }
  }

  return {
    download,
    async close() {
      if (current === null) return
      const { worker, ended } = current
      const message: RendererMessage = { kind: 'close' }
      worker.postMessage(message)
      await ended
    },
  }
}

/** Asks for the next piece; null where nobody is there any more to make it. */
function ask(port: MessagePort): Promise<RendererAnswer | null> {
  return new Promise((resolve) => {
    const onClose = () => resolve(null)
    port.once('close', onClose)
    port.once('message', (answer: RendererAnswer) => {
      port.off('close', onClose)
      resolve(answer)
    })
    port.postMessage(null)
  })
}
