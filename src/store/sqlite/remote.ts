import type { MessagePort } from 'node:worker_threads'
import { Slots } from '../../lib/slots.ts'
import { type Store, StoreUnavailable, type WorkHint } from '../store.ts'
import { READS, WRITES } from './operations.ts'
import type { AnswerList, CallMessage } from './wire.ts'

/** What a thread needs to reach the store; both ends are transferable. */
export interface StorePorts {
  readonly writer: MessagePort
  readonly reader: MessagePort
}

/** The store as a thread sees that does not own a connection: every call is sent and awaited. */
export function remoteStore({ writer, reader }: StorePorts): Store {
  const listeners = new Set<(hint: WorkHint) => void>()
  const write = caller(writer, (hint) => {
    for (const listener of listeners) listener(hint)
  })
  const read = caller(reader, () => {})
  // Each name has its types in the port, and in the operations at the other end of the wire.
  const bind = (names: readonly string[], { call }: Caller) =>
    names.map((name) => [name, (...parameters: unknown[]) => call(name, parameters)])
  const methods = Object.fromEntries([...bind(WRITES, write), ...bind(READS, read)])
  return {
    ...methods,
    kind: 'sqlite',
    onWork(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async close() {
      await Promise.all([write.close(), read.close()])
    },
  }
}

interface Caller {
  readonly call: (name: string, parameters: readonly unknown[]) => Promise<unknown>
  /** Closes the port once every call has its answer. */
  readonly close: () => Promise<void>
}

interface Pending {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

/** So many calls are sent before the turn is over: the store works while more are being made. */
const EARLY = 8

/** Sends the calls of one turn of the event loop together, and hands each its own answer. */
function caller(port: MessagePort, onHint: (hint: WorkHint) => void): Caller {
  const pending = new Slots<Pending>()
  let outbox: CallMessage[] = []
  let onIdle = () => {}

  function flush(): void {
    if (outbox.length > 0) port.postMessage(outbox)
    outbox = []
  }

  port.on('message', ({ answers, hints }: AnswerList) => {
    for (const { id, value, error } of answers) {
      const call = pending.take(id)
      if (error === null) call?.resolve(value)
      else call?.reject(toError(error))
    }
    for (const hint of hints) onHint(hint)
    if (pending.size === 0) onIdle()
  })
  port.on('close', () => {
    for (const { reject } of pending) reject(new StoreUnavailable('the store has closed'))
  })

  return {
    call(name, parameters) {
      const { promise, resolve, reject } = Promise.withResolvers<unknown>()
      const id = pending.put({ resolve, reject })
      if (outbox.length === 0) setImmediate(flush)
      outbox.push({ id, name, parameters })
      if (outbox.length === EARLY) flush()
      return promise
    },
    async close() {
      const { promise, resolve } = Promise.withResolvers<void>()
      onIdle = resolve
      if (pending.size === 0) resolve()
      await promise
      port.close()
    },
  }
}

function toError({ unavailable, message }: { unavailable: boolean; message: string }): Error {
  return unavailable ? new StoreUnavailable(message) : new Error(message)
}
