/**
 * A thread that writes results as text, as many and as large as they may be, so that the API answers
 * quickly meanwhile. Like `app.ts` it chooses concrete parts and does nothing else.
 */
import { flushCompileCache } from 'node:module'
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { type DownloadOrder, download } from './http/results/download.ts'
import { openAccess, type StoreAccess } from './storage.ts'

/** What the thread is started with. */
export interface RendererData {
  readonly store: StoreAccess
}

/** To the thread. Every message on a download's port asks for its next piece; closing it ends it. */
export type RendererMessage =
  | { readonly kind: 'download'; readonly order: DownloadOrder; readonly port: MessagePort }
  | { readonly kind: 'close' }

/** From the thread, on a download's port. Errors lose their class on the way; their name stays. */
export type RendererAnswer =
  | { readonly kind: 'piece'; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'end' }
  | { readonly kind: 'failed'; readonly name: string; readonly message: string }

const data: RendererData = workerData
const store = await openAccess(data.store)

function serve(order: DownloadOrder, port: MessagePort): void {
  const pieces = download(store, order)
  port.on('message', () => {
    pieces.next().then(
      ({ value }) => {
        if (!value) tell({ kind: 'end' })
        else tell({ kind: 'piece', bytes: value }, [value.buffer])
      },
      ({ name, message }: Error) => tell({ kind: 'failed', name, message }),
    )
  })
  port.on('close', () => pieces.return(undefined))

  function tell(answer: RendererAnswer, transfer: ArrayBuffer[] = []): void {
    port.postMessage(answer, transfer)
  }
}

parentPort?.on('message', async (message: RendererMessage) => {
  if (message.kind === 'download') return serve(message.order, message.port)
  await store.close()
  parentPort?.close()
})
flushCompileCache()
