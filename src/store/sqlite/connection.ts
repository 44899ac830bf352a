/**
 * A thread that owns one connection. The writer gathers every call that arrived while the last group
 * was on its way to the disk, commits them together, and only then answers. The reader answers as it
 * goes: it never holds up the writer, nor the writer it.
 */
import { flushCompileCache } from 'node:module'
import { join } from 'node:path'
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { hintBuffer } from '../hints.ts'
import { StoreUnavailable } from '../store.ts'
import { orBroken, refuseDamage } from './damage.ts'
import { openReader, openWriter } from './database.ts'
import { toStoreError } from './fault.ts'
import { groupCommit, type Outcome } from './group.ts'
import { lock } from './lock.ts'
import { migrate } from './migrate.ts'
import { readOperations, writeOperations } from './operations.ts'
import type { AnswerMessage, CallMessage, ConnectionData, Control } from './wire.ts'

/** Bounds a transaction, and with it how long the calls in it wait for each other. */
const GROUP_MAX = 2000

type Operation = (...parameters: readonly unknown[]) => unknown

interface Connection {
  readonly operations: ReadonlyMap<string, Operation>
  readonly run: (calls: readonly (() => unknown)[]) => readonly Outcome<unknown>[]
  readonly close: () => void
}

interface Waiting {
  readonly port: MessagePort
  readonly call: CallMessage
}

const { directory, role }: ConnectionData = workerData
const path = join(directory, 'sluice.db')
const hints = hintBuffer()
const ports = new Set<MessagePort>()
const connection = role === 'writer' ? writer() : reader()
let queue: Waiting[] = []

function writer(): Connection {
  const unlock = lock(directory)
  const { database, operations } = orBroken(path, open)
  const close = () => {
    database.close()
    unlock()
  }
  return { operations: named(operations), run: groupCommit(database), close }
}

function open() {
  const database = openWriter(path)
  refuseDamage(database)
  migrate(database)
  const { recover, ...operations } = writeOperations(database, hints.add)
  recover()
  return { database, operations }
}

function reader(): Connection {
  const database = openReader(path)
  return {
    operations: named(readOperations(database)),
    run: (calls) => calls.map(attempt),
    close: () => database.close(),
  }
}

/** The port gives each name its types at both ends; between them, a call is a name and a list. */
function named(operations: object): ReadonlyMap<string, Operation> {
  return new Map(Object.entries(operations) as [string, Operation][])
}

function attempt(call: () => unknown): Outcome<unknown> {
  try {
    return { ok: true, value: call() }
  } catch (cause) {
    return { ok: false, error: toStoreError(cause) }
  }
}

function serve(): void {
  const group = queue.slice(0, GROUP_MAX)
  queue = queue.slice(GROUP_MAX)
  if (group.length === 0) return
  if (queue.length > 0) setImmediate(serve)
  const outcomes = connection.run(
    group.map(({ call }) => () => {
      const operation = connection.operations.get(call.name)
      if (operation === undefined) throw new Error(`the store has no operation ${call.name}`)
      return operation(...call.parameters)
    }),
  )
  answer(group, outcomes)
}

function answer(group: readonly Waiting[], outcomes: readonly Outcome<unknown>[]): void {
  const byPort = new Map<MessagePort, AnswerMessage[]>()
  for (const [index, { port, call }] of group.entries()) {
    const outcome = outcomes[index]
    if (outcome === undefined) throw new Error('a group answers each of its calls')
    const answers = byPort.get(port) ?? []
    byPort.set(port, answers)
    answers.push(toMessage(call.id, outcome))
  }
  const news = hints.take()
  for (const port of ports) {
    const answers = byPort.get(port) ?? []
    if (answers.length > 0 || news.length > 0) port.postMessage({ answers, hints: news })
  }
}

function toMessage(id: number, outcome: Outcome<unknown>): AnswerMessage {
  if (outcome.ok) return { id, value: outcome.value, error: null }
  const { error } = outcome
  const unavailable = error instanceof StoreUnavailable
  return { id, value: null, error: { unavailable, message: error.message } }
}

function attach(port: MessagePort): void {
  ports.add(port)
  port.on('close', () => ports.delete(port))
  port.on('message', (calls: readonly CallMessage[]) => {
    if (queue.length === 0) setImmediate(serve)
    for (const call of calls) queue.push({ port, call })
  })
}

parentPort?.on('message', (control: Control) => {
  if (control.kind === 'attach') return attach(control.port)
  while (queue.length > 0) serve()
  for (const port of ports) port.close()
  connection.close()
  parentPort?.close()
})
parentPort?.postMessage('ready')
flushCompileCache()
