/** What many in one call are worth, with a real service and a real target, which counts for itself. */
import { createServer } from 'node:http'
import { json } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { Sluice } from '../../src/client/index.ts'
import { startService, temporaryDirectory, writeSystems } from '../support/process.ts'
import { serve } from './target.ts'

/** How long the target takes for a call, whatever it holds … */
const CALL_MS = 20
/** … and how many calls it is given at once. */
const CONCURRENCY = 2
const TOGETHER = 100

/** A target that takes one payload or a list of them, and notes when it had how many. */
class SlowTarget {
  readonly #taken: { readonly at: number; readonly count: number }[] = []
  #url = ''
  readonly #server = createServer(async (request, response) => {
    const startedAt = performance.now()
    const body = await json(request)
    await pause(CALL_MS)
    if (JSON.stringify(body).includes('"bad"')) response.statusCode = 422
    this.#taken.push({ at: startedAt, count: 0 })
    this.#taken.push({ at: performance.now(), count: Array.isArray(body) ? body.length : 1 })
    response.setHeader('content-type', 'application/json').end('{}')
  })

  static async open(): Promise<SlowTarget> {
    const target = new SlowTarget()
    target.#url = await serve(target.#server)
    return target
  }

  /** Its entry in a systems file. */
  system(more: object): object {
    const base_url = this.#url
    const allow_private = ['127.0.0.0/8']
    return { kind: 'http', base_url, allow_private, concurrency: CONCURRENCY, ...more }
  }

  /** Payloads taken a second since the last time it was asked, from the first call to the last. */
  throughput(): number {
    const taken = this.#taken.splice(0)
    const moments = taken.map(({ at }) => at)
    const seconds = (Math.max(...moments) - Math.min(...moments)) / 1000
    return taken.reduce((sum, { count }) => sum + count, 0) / seconds
  }
}

async function carryOut(client: Sluice, target: string, total: number): Promise<void> {
  const mappings = Array.from({ length: total }, (_, n) => {
    return { id: `m${n}`, source: target, target, data: { n } }
  })
  const { request_id } = await client.submit({ mappings })
  expect(await client.wait(request_id)).toMatchObject({ completed_mappings: total })
}

describe('a target that takes many in a call', { timeout: 60_000 }, () => {
  test(`gets 20 times as many, ${TOGETHER} a call, as one by one`, async () => {
    const target = await SlowTarget.open()
    const directory = await temporaryDirectory()
    await writeSystems(directory, {
      single: target.system({}),
      many: target.system({ bulk: { path: '/bulk', max: TOGETHER } }),
    })
    const client = new Sluice({ baseUrl: await startService({ directory }).started() })
    await carryOut(client, 'single', 200)
    const single = target.throughput()
    await carryOut(client, 'many', 20_000)
    const many = target.throughput()
    expect(single).toBeGreaterThan(0.6 * CONCURRENCY * (1000 / CALL_MS))
    expect(many / single).toBeGreaterThanOrEqual(20)
  })

  test('and refuses a call for one bad payload in it fails that one only', async () => {
    const target = await SlowTarget.open()
    const directory = await temporaryDirectory()
    const bulk = { path: '/bulk', max: TOGETHER }
    await writeSystems(directory, { many: target.system({ bulk }) })
    const client = new Sluice({ baseUrl: await startService({ directory }).started() })
    const mappings = Array.from({ length: 1000 }, (_, n) => {
      return { id: `m${n}`, source: 'many', target: 'many', data: n === 500 ? 'bad' : 'good' }
    })
    const { request_id } = await client.submit({ mappings })
    const status = await client.wait(request_id)
    expect(status).toMatchObject({ completed_mappings: 999, failed_mappings: 1 })
    for await (const { id, error } of client.results(request_id, { status: 'failed' })) {
      expect({ id, status: error?.http_status }).toEqual({ id: 'm500', status: 422 })
    }
  })
})
