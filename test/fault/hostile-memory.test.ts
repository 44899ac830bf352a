/**
 * A hundred clients at once send every row of the hostile catalogue, again and again: the real
 * service answers each exactly, goes on answering everybody else, and keeps nothing of it in memory.
 */
import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { Sluice } from '../../src/client/index.ts'
import { ROWS } from '../http/hostile-rows.ts'
import { send } from '../http/send.ts'
import { startService, temporaryDirectory } from '../support/process.ts'

const CLIENTS = 100
const WARM_UPS = 2
const ROUNDS = 4
const GROWTH_MAX_BYTES = 32e6
const ALIVE_WITHIN_MS = 1000

const ENVIRONMENT = {
  // What the catalogue is made for.
  SLUICE_MAX_BODY: '100KB',
  SLUICE_MAX_MAPPINGS: '100',
  // A heap without bounds is tidied up so seldom that it seems to leak; this one soon has its size.
  NODE_OPTIONS: '--max-old-space-size=64 --max-semi-space-size=2',
}

const isLinux = process.platform === 'linux'

test.skipIf(!isLinux)(
  isLinux
    ? `${CLIENTS} hostile clients leave the memory as it was and the service healthy`
    : 'hostile clients and the memory (skipped: only Linux tells how much a process uses)',
  async () => {
    const service = startService({ directory: await temporaryDirectory(), env: ENVIRONMENT })
    const url = await service.started()
    const checkup = new Checkup(url)

    for (let round = 0; round < WARM_UPS; round++) await besiege(url)
    const before = await memoryOf(service.pid)
    const used: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      await besiege(url)
      used.push(await memoryOf(service.pid))
    }

    expect(await checkup.end()).toBeLessThan(ALIVE_WITHIN_MS)
    expect(Math.max(...used) - before).toBeLessThan(GROWTH_MAX_BYTES)
    const client = new Sluice({ baseUrl: url })
    const mappings = [{ id: 'good', source: 'shop', target: 'shop', data: {} }]
    const { request_id } = await client.submit({ mappings })
    expect(await client.wait(request_id)).toMatchObject({ processed_mappings: 1 })
    for await (const request of client.requests()) expect(request.request_id).toBe(request_id)
    expect(service.lines.filter(({ msg }) => msg === 'http_failed')).toEqual([])
  },
  120_000,
)

/** Every client sends every row, each from a place of its own on, so that all kinds come at once. */
async function besiege(url: string): Promise<void> {
  await Promise.all(
    Array.from({ length: CLIENTS }, async (_, first) => {
      for (const row of [...ROWS.slice(first), ...ROWS.slice(0, first)]) {
        const { status } = await send(url, row)
        expect({ name: row.name, status }).toEqual({ name: row.name, status: row.status })
      }
    }),
  )
}

/** Somebody who asks all the time whether the service lives. */
class Checkup {
  #ended = false
  #slowest = 0
  readonly #asking: Promise<void>

  constructor(url: string) {
    this.#asking = this.#ask(url)
  }

  /** Stops asking, and gives the longest time in milliseconds that an answer took. */
  async end(): Promise<number> {
    this.#ended = true
    await this.#asking
    return this.#slowest
  }

  async #ask(url: string): Promise<void> {
    while (!this.#ended) {
      const askedAt = performance.now()
      const { status } = await fetch(`${url}/livez`)
      this.#slowest = Math.max(this.#slowest, performance.now() - askedAt)
      expect(status).toBe(200)
    }
  }
}

/** The bytes of a process that are in real memory now. */
async function memoryOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
}
