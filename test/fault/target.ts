import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { onTestFinished } from 'vitest'
import { listen } from '../deliver/targets.ts'

/** Has a server listen until the test is over; gives its URL. */
export async function serve(server: Server): Promise<string> {
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return listen(server)
}

/** A target that keeps every call waiting until it is told to answer, and remembers them all. */
export class HeldTarget {
  /** The Idempotency-Key of every call, in the order in which they came. */
  readonly keys: string[] = []
  readonly #server: Server
  #url = ''
  readonly #held: ServerResponse[] = []
  #isHolding = true
  #arrival = Promise.withResolvers<void>()

  constructor() {
    this.#server = createServer((request, response) => this.#take(request, response))
  }

  /** Opens one; closed when the test is over. */
  static async open(): Promise<HeldTarget> {
    const target = new HeldTarget()
    target.#url = await serve(target.#server)
    return target
  }

  /** Its entry in a systems file. */
  system(concurrency: number): object {
    return {
      kind: 'http',
      base_url: this.#url,
      concurrency,
      allow_private: ['127.0.0.0/8'],
    }
  }

  /** Resolves when so many calls have come, since the beginning. */
  async called(times: number): Promise<void> {
    while (this.keys.length < times) await this.#arrival.promise
  }

  /** Answers the calls that wait, and from now on every call at once. */
  release(): void {
    this.#isHolding = false
    for (const response of this.#held.splice(0)) accept(response)
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    request.resume()
    this.keys.push(String(request.headers['idempotency-key']))
    if (this.#isHolding) this.#held.push(response)
    else accept(response)
    this.#arrival.resolve()
    this.#arrival = Promise.withResolvers<void>()
  }
}

function accept(response: ServerResponse): void {
  response.setHeader('content-type', 'application/json').end('{}')
}
