import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import { onTestFinished } from 'vitest'
import { listen } from '../deliver/targets.ts'

/** A callback as its receiver sees it. */
export interface Received {
  readonly path: string | undefined
  readonly method: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** Answers a callback, or does not. */
export type Answer = (response: ServerResponse, received: Received) => void

/** Answers with a status, and nothing more. */
export function status(code: number, headers: Record<string, string> = {}): Answer {
  return (response) => response.writeHead(code, headers).end()
}

/** A receiver of callbacks on this machine, gone when the test is over; `answer` may be changed. */
export class Receiver {
  readonly received: Received[] = []
  answer: Answer = status(204)
  readonly #origin: string
  #onReceived = () => {}

  private constructor(origin: string) {
    this.#origin = origin
  }

  static async open(): Promise<Receiver> {
    const server = createServer(async (request, response) => {
      let body = ''
      for await (const chunk of request) body += chunk
      const { url: path, method, headers } = request
      receiver.#hear({ path, method, headers, body }, response)
    })
    const receiver = new Receiver(await listen(server))
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    return receiver
  }

  /** An address of it. */
  url(path = '/done'): string {
    return this.#origin + path
  }

  /** The lane of callbacks to it. */
  get lane(): string {
    return `callback:${this.#origin}`
  }

  /** Resolves when it has heard so many callbacks in all. */
  async heard(count: number): Promise<readonly Received[]> {
    while (this.received.length < count) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#onReceived = resolve
      await promise
    }
    return this.received
  }

  #hear(received: Received, response: ServerResponse): void {
    this.received.push(received)
    this.answer(response, received)
    this.#onReceived()
  }
}
