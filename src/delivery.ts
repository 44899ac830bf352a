/** The delivery threads of this process, as the thread that starts them sees them. */
import { Worker } from 'node:worker_threads'
import type { EpochMs } from './core/units.ts'
import type { Emit } from './observe/events.ts'
import { transferable } from './storage.ts'
import type { Stop, WorkerData, WorkerNews } from './worker.ts'

/** All delivery threads together. */
export interface Delivery {
  /** Resolves when every thread is at work. */
  readonly started: Promise<void>
  /** Rejects if a thread dies. What it held is rescued: by other processes, or at the next start. */
  readonly failed: Promise<never>
  /** Lets calls under way end until the deadline; resolves when no thread starts another. */
  drain(deadline: EpochMs): Promise<void>
  /** Resolves when every thread has ended, after `drain`. */
  ended(): Promise<void>
}

export interface DeliveryOptions {
  /** How many. */
  readonly threads: number
  /** When the store is there; they are not started before. */
  readonly ready: Promise<void>
  /** What each of them is started with. */
  readonly data: () => WorkerData
  /** Where their events come out, as if they were ours. */
  readonly emit: Emit
}

interface Thread {
  readonly worker: Worker
  readonly ended: Promise<void>
}

/** Starts the threads when the store is ready, unless they are stopped before. */
export function startDelivery({ threads, ready, data, emit }: DeliveryOptions): Delivery {
  const running: Thread[] = []
  const failed = Promise.withResolvers<never>()
  failed.promise.catch(() => {})
  let stopped = false

  function startThread(): Promise<void> {
    const workerData = data()
    const worker = new Worker(new URL('./worker.ts', import.meta.url), {
      workerData,
      transferList: transferable(workerData.store),
    })
    const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
    running.push({ worker, ended })
    worker.once('error', failed.reject)
    // Whatever it runs may end it, without an error: a kind of somebody else's, for one.
    worker.once('exit', () => {
      if (!stopped) failed.reject(new Error('a delivery thread ended by itself.'))
    })
    return new Promise((resolve) => {
      worker.on('message', (news: WorkerNews) => {
        if (news.kind === 'started') resolve()
        else if (news.kind === 'event') emit(news.event)
      })
    })
  }

  async function start(): Promise<void> {
    await ready
    if (stopped) return
    await Promise.all(Array.from({ length: threads }, startThread))
  }

  const started = Promise.race([start(), failed.promise])
  started.catch(failed.reject)
  return {
    started,
    failed: failed.promise,
    async drain(deadline) {
      stopped = true
      await Promise.all(running.map((thread) => drainThread(thread, deadline)))
    },
    async ended() {
      await Promise.all(running.map((thread) => thread.ended))
    },
  }
}

function drainThread({ worker, ended }: Thread, deadline: EpochMs): Promise<void> {
  const heard = new Promise<void>((resolve) => {
    worker.on('message', ({ kind }: WorkerNews) => {
      if (kind === 'draining') resolve()
    })
  })
  const stop: Stop = { deadline }
  worker.postMessage(stop)
  return Promise.race([heard, ended])
}
