import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage } from 'node:http'
import { createServer, type Server, type Socket } from 'node:net'
import { Worker } from 'node:worker_threads'
import { onTestFinished } from 'vitest'
import type { Resolve } from '../../src/deliver/connect/guard.ts'
import type { Connection } from '../../src/deliver/kind.ts'
import type { HttpConfig } from '../../src/deliver/kinds/http/config.ts'
import { http } from '../../src/deliver/kinds/http.ts'
import { type Clock, systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'

/** What a target does with a connection once the head of a request has come in. */
export type Behaviour = (socket: Socket) => void

/** A target that speaks as `behave` does, byte for byte; gives its URL. */
export async function rawTarget(behave: Behaviour): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    socket.once('data', () => behave(socket))
  })
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return listen(server)
}

/** What a well-behaved target saw of one call. */
export interface Seen {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** A well-behaved target that takes everything with a 200 and `answer`, and keeps what it saw. */
export async function goodTarget(answer: string, type = 'application/json') {
  const seen: Seen[] = []
  const server = createHttpServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    seen.push({ method: request.method, url: request.url, headers: request.headers, body })
    response.setHeader('content-type', type).end(answer)
  })
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: await listen(server), seen }
}

interface Surroundings {
  readonly timeout?: number
  readonly clock?: Clock
  readonly resolve?: Resolve
  /** What of the config came by reference. */
  readonly secrets?: readonly string[]
}

/** A connection of the kind `http` that may call this machine, closed when the test ends. */
export function connect(
  config: HttpConfig,
  { timeout = 5000, clock = systemClock, resolve, secrets = [] }: Surroundings = {},
): Connection {
  const system = {
    name: 'shop',
    config: { allow_private: ['127.0.0.0/8'], ...config },
    secrets,
    timeout,
    concurrency: 4,
    clock,
    random: systemRandom,
  }
  const connection = http('sluice/0.0.0', resolve).connect(system)
  onTestFinished(() => connection.close())
  return connection
}

/** An HTTP answer as bytes, with a content-length that fits. */
export function answer(head: string, body = ''): string {
  return `HTTP/1.1 ${head}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}

/** Listens on a free port; gives the URL. */
export async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('not listening on a port')
  return `http://127.0.0.1:${address.port}`
}

/** It listens, and then does nothing any more: once its queue is full, the machine is silent. */
export async function silentTarget(): Promise<string> {
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads')
     const server = require('node:net').createServer().listen(0, '127.0.0.1', 1, () => {
       parentPort.postMessage(server.address().port)
       setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0))
     })`,
    { eval: true },
  )
  onTestFinished(async () => {
    await worker.terminate()
  })
  const [port] = await once(worker, 'message')
  return `http://127.0.0.1:${port}`
}
