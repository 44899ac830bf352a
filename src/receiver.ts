/**
 * A thread that reads large bodies and puts them into the store, so that the API answers quickly
 * meanwhile. Like `app.ts` it chooses concrete parts and does nothing else.
 */
import { flushCompileCache } from 'node:module'
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { type CallbackSettings, callbackPolicy } from './callback-policy.ts'
import { type CatalogueData, toCatalogue } from './intake/systems.ts'
import { take, type UploadEnding, type UploadOrder, type UploadPorts } from './intake/upload.ts'
import { systemClock } from './lib/clock.ts'
import { newHashKey, newId } from './lib/random.ts'
import { openAccess, type StoreAccess } from './storage.ts'

/** What the thread is started with. */
export interface ReceiverData {
  readonly store: StoreAccess
  readonly systems: CatalogueData
  readonly callbacks: CallbackSettings
  readonly limits: UploadPorts['limits']
}

/** To the thread. */
export type ReceiverMessage =
  | { readonly kind: 'receive'; readonly order: UploadOrder; readonly port: MessagePort }
  | { readonly kind: 'close' }

/** To the thread, on the port of an upload: its bytes, in order; that there are no more; or that none will come. */
export type UploadMessage =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'end' }
  | { readonly kind: 'abort' }

/** From the thread, on the port of an upload. Errors lose their class on the way; their name stays. */
export type UploadNews =
  /** So many bytes have been read, and there is room for as many more. */
  | { readonly kind: 'taken'; readonly bytes: number }
  | { readonly kind: 'ended'; readonly ending: UploadEnding }
  | { readonly kind: 'failed'; readonly name: string; readonly message: string }

const data: ReceiverData = workerData
const store = await openAccess(data.store)
const ports: UploadPorts = {
  store,
  systems: toCatalogue(data.systems),
  callbacks: callbackPolicy(data.callbacks),
  clock: systemClock,
  newId,
  hashKey: newHashKey,
  limits: data.limits,
}

/** Whoever sent the bytes knows why there are no more. */
class Aborted extends Error {}

async function* bytesFrom(port: MessagePort): AsyncGenerator<Uint8Array, void> {
  const waiting: UploadMessage[] = []
  let wake = () => {}
  port.on('message', (message: UploadMessage) => {
    waiting.push(message)
    wake()
  })
  for (;;) {
    const message = waiting.shift()
    if (message === undefined) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    } else if (message.kind === 'bytes') {
      yield message.bytes
      tell(port, { kind: 'taken', bytes: message.bytes.length })
    } else if (message.kind === 'end') {
      return
    } else {
      throw new Aborted()
    }
  }
}

async function receive(order: UploadOrder, port: MessagePort): Promise<void> {
  try {
    tell(port, { kind: 'ended', ending: await take(order, bytesFrom(port), ports) })
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error))
    tell(port, { kind: 'failed', name, message })
  }
}

function tell(port: MessagePort, news: UploadNews): void {
  port.postMessage(news)
}

parentPort?.on('message', async (message: ReceiverMessage) => {
  if (message.kind === 'receive') return receive(message.order, message.port)
  await store.close()
  parentPort?.close()
})
flushCompileCache()
