/**
 * What goes between a thread that uses the store and the threads that own its connections. Calls and
 * answers travel in lists, because a message costs more than what is in it.
 */
import type { MessagePort } from 'node:worker_threads'
import type { WorkHint } from '../store.ts'

/** What a connection's thread is started with. */
export interface ConnectionData {
  readonly directory: string
  readonly role: 'writer' | 'reader'
}

/** To the thread itself, from the one that started it. */
export type Control =
  | { readonly kind: 'attach'; readonly port: MessagePort }
  | { readonly kind: 'close' }

export interface CallMessage {
  readonly id: number
  readonly name: string
  readonly parameters: readonly unknown[]
}

export interface AnswerMessage {
  readonly id: number
  readonly value: unknown
  /** Null where the call succeeded. Errors lose their class on the way, so it is spelt out. */
  readonly error: { readonly unavailable: boolean; readonly message: string } | null
}

export interface AnswerList {
  readonly answers: readonly AnswerMessage[]
  readonly hints: readonly WorkHint[]
}
