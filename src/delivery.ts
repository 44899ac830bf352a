import { Worker } from 'node:worker_threads'
import type { EpochMs } from './core/units.ts'
import type { Emit } from './observe/events.ts'
import type { Stop, WorkerData, WorkerNews } from './worker.ts'

/** The delivery thread, as the thread that started it sees it. */
export interface Delivery {
  /** The systems of the systems file that records can be read from. */
  readonly readable: readonly string[]
  /** Rejects if the thread dies. What it held is rescued at the next start. */
  readonly failed: Promise<never>
  /** Drains until the deadline; resolves when the thread has ended. */
  stop(deadline: EpochMs): Promise<void>
}

/** Resolves when the thread is at work. Its events come out of `emit`, as if they were ours. */
export async function startDelivery(data: WorkerData, emit: Emit): Promise<Delivery> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    workerData: data,
    transferList: [data.ports.writer, data.ports.reader],
  })
  const failed = new Promise<never>((_, reject) => worker.once('error', reject))
  failed.catch(() => {})
  const started = new Promise<readonly string[]>((resolve) => {
    worker.on('message', (news: WorkerNews) => {
      if (news.kind === 'started') resolve(news.readable)
      else emit(news.event)
    })
  })
  const readable = await Promise.race([started, failed])
  return {
    readable,
    failed,
    async stop(deadline) {
      const ended = new Promise((resolve) => worker.once('exit', resolve))
      const stop: Stop = { deadline }
      worker.postMessage(stop)
      await ended
    },
  }
}
