import { mkdirSync } from 'node:fs'
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import type { Store } from '../store.ts'
import { remoteStore, type StorePorts } from './remote.ts'
import type { ConnectionData, Control } from './wire.ts'

/** The embedded store of one data directory, with its two threads. */
export interface SqliteStore extends Store {
  /** Another thread's way in: transfer the ports there, and give them to `remoteStore`. */
  share(): StorePorts
  /** Rejects if one of the threads dies, of a broken disk for one: the process must end then. */
  readonly failed: Promise<never>
}

/**
 * Opens, and where need be makes, the store in a directory that only this user may enter.
 *
 * @throws when another process has it, it is damaged or from a newer version, or it cannot be written
 */
export async function openSqliteStore(options: { dataDir: string }): Promise<SqliteStore> {
  const directory = options.dataDir
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  // The writer makes the file that the reader opens.
  const writer = await startThread({ directory, role: 'writer' })
  const reader = await startThread({ directory, role: 'reader' })
  const share = () => ({ writer: attach(writer), reader: attach(reader) })
  const failed = Promise.race([death(writer), death(reader)])
  failed.catch(() => {})
  const store = remoteStore(share())
  return {
    ...store,
    share,
    failed,
    async close() {
      await store.close()
      await stopThread(reader)
      await stopThread(writer)
    },
  }
}

async function startThread(data: ConnectionData): Promise<Worker> {
  const worker = new Worker(new URL('./connection.ts', import.meta.url), { workerData: data })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  worker.once('message', () => resolve())
  worker.once('error', reject)
  await promise
  worker.off('error', reject)
  return worker
}

function attach(worker: Worker): MessagePort {
  const { port1, port2 } = new MessageChannel()
  const control: Control = { kind: 'attach', port: port1 }
  worker.postMessage(control, [port1])
  return port2
}

function death(worker: Worker): Promise<never> {
  return new Promise((_, reject) => worker.once('error', reject))
}

async function stopThread(worker: Worker): Promise<void> {
  const control: Control = { kind: 'close' }
  const { promise, resolve } = Promise.withResolvers<void>()
  worker.once('exit', () => resolve())
  worker.postMessage(control)
  await promise
}
