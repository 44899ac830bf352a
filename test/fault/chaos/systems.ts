/** The outside world of the chaos test: systems that count for themselves what they are asked. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import type { DurationMs, Random } from '../../../src/core/units.ts'
import type { SeenCall } from './checks.ts'

/** How a system behaves, and what it allows. */
interface Manner {
  readonly latency: DurationMs
  readonly concurrency: number
  readonly rate?: number
  /** How often it refuses, and how often it says nothing, having done what it was asked or not. */
  readonly refuses?: number
  readonly silent?: number
}

export const MANNERS: Readonly<Record<string, Manner>> = {
  steady: { latency: 10, concurrency: 10 },
  flaky: { latency: 10, concurrency: 8, refuses: 0.2, silent: 0.05 },
  broken: { latency: 5, concurrency: 6, refuses: 0.5, silent: 0.1 },
  narrow: { latency: 30, concurrency: 3 },
  paced: { latency: 10, concurrency: 10, rate: 40 },
}

/** All systems behind one port, and every call that they had. */
export class Systems {
  readonly calls: SeenCall[] = []
  readonly #random: Random
  readonly #server = createServer((request, response) => void this.#take(request, response))

  constructor(random: Random) {
    this.#random = random
  }

  /** Opens them; closed when the test is over. */
  static async open(random: Random): Promise<Systems> {
    const systems = new Systems(random)
    systems.#server.listen(0, '127.0.0.1')
    await once(systems.#server, 'listening')
    onTestFinished(() => {
      systems.#server.closeAllConnections()
      systems.#server.close()
    })
    return systems
  }

  /** The entries of a systems file, for a process that tells its name with every call. */
  entries(node: string): object {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('not listening on a port')
    return Object.fromEntries(
      Object.entries(MANNERS).map(([system, { concurrency, rate }]) => [
        system,
        {
          kind: 'http',
          base_url: `http://127.0.0.1:${address.port}/${system}`,
          headers: { 'x-node': node },
          allow_private: ['127.0.0.0/8'],
          retry: { attempts: 8, first: '20ms', cap: '500ms' },
          concurrency,
          ...(rate === undefined ? {} : { rate: `${rate}/s` }),
        },
      ]),
    )
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url = '', headers } = request
    const began = performance.now()
    const system = url.slice(1)
    const manner = MANNERS[system]
    if (manner === undefined) throw new Error(`no system ${system}`)
    const seen: { -readonly [Field in keyof SeenCall]: SeenCall[Field] } = {
      ...{ system, node: String(headers['x-node']), mapping: '', answer: 'none' },
      ...{ key: String(headers['idempotency-key']), began, ended: Number.POSITIVE_INFINITY },
    }
    this.calls.push(seen)
    const end = () => {
      seen.ended = Math.min(seen.ended, performance.now())
    }
    response.once('close', end)
    try {
      seen.mapping = mappingOf(await json(request))
    } catch {
      // Who sent it is gone: nothing was asked.
      this.calls.splice(this.calls.indexOf(seen), 1)
      return
    }
    await pause(manner.latency * (0.5 + this.#random()))
    const { refuses = 0, silent = 0 } = manner
    const fate = this.#random()
    if (fate < silent) {
      seen.answer = fate < silent / 2 ? 'taken without a word' : 'none'
      response.destroy()
      return
    }
    const isRefused = fate < silent + refuses
    if (!response.destroyed) seen.answer = isRefused ? 'refused' : 'taken'
    else if (!isRefused) seen.answer = 'taken without a word'
    end()
    response.statusCode = isRefused ? 503 : 200
    response.setHeader('content-type', 'application/json').end('{}')
  }
}

function mappingOf(body: unknown): string {
  if (typeof body !== 'object' || body === null || !('id' in body)) throw new Error('no id')
  return String(body.id)
}
