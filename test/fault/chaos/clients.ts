import { setTimeout as pause } from 'node:timers/promises'
import type { DurationMs, Random } from '../../../src/core/units.ts'
import { type Load, type Posted, post } from '../load.ts'

const CLIENTS = 3
const PAUSE_MAX_MS: DurationMs = 1500
const AGAIN_AFTER_MS: DurationMs = 200
/** Every so often a request is handed in twice at the same moment, wherever that may be. */
const TWICE = 0.1

/** Clients that know what they want: they hand each request in, with its key, until it is taken. */
export class Clients {
  /** What was answered, and must not have been. */
  readonly breaches: string[] = []
  readonly #load: Load
  readonly #random: Random
  readonly #url: () => string
  #isOver = false

  constructor(load: Load, random: Random, url: () => string) {
    this.#load = load
    this.#random = random
    this.#url = url
  }

  /** Resolves some time after `end`, when everything was taken. */
  async run(): Promise<void> {
    await Promise.all(Array.from({ length: CLIENTS }, () => this.#client()))
  }

  end(): void {
    this.#isOver = true
  }

  async #client(): Promise<void> {
    while (!this.#isOver) {
      const posted = this.#load.make()
      const copies = this.#random() < TWICE ? 2 : 1
      await Promise.all(Array.from({ length: copies }, () => this.#handIn(posted)))
      await pause(this.#random() * PAUSE_MAX_MS)
    }
  }

  async #handIn(posted: Posted): Promise<void> {
    for (;;) {
      const reply = await post(this.#url(), posted)
      if (reply.kind === 'acknowledged') {
        const { request } = reply
        if (posted.request !== null && posted.request !== request) {
          this.breaches.push(`${posted.key} is the request ${posted.request} and ${request}`)
        }
        posted.request = request
        return
      }
      if (reply.kind === 'refused' && reply.status !== 503) {
        this.breaches.push(`${posted.key} was refused with ${reply.status}`)
        return
      }
      await pause(AGAIN_AFTER_MS)
    }
  }
}
