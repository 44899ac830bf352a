/** Limits and gates with a real service and a real target, which counts for itself. */
import { createServer } from 'node:http'
import { describe, expect, test } from 'vitest'
import { Sluice } from '../../src/client/index.ts'
import { startService, temporaryDirectory, writeSystems } from '../support/process.ts'
import { serve } from './target.ts'

/** A target that notes when each call came, and answers as it is told to. */
class CountingTarget {
  readonly calls: { readonly path: string; readonly at: number }[] = []
  /** Null never answers. */
  answer: (path: string) => number | null = () => 200
  #url = ''
  readonly #server = createServer((request, response) => {
    const path = request.url ?? ''
    this.calls.push({ path, at: performance.now() })
    request.resume()
    const status = this.answer(path)
    if (status !== null)
      response.writeHead(status, { 'content-type': 'application/json' }).end('{}')
  })

  static async open(): Promise<CountingTarget> {
    const target = new CountingTarget()
    target.#url = await serve(target.#server)
    return target
  }

  /** Its entry in a systems file. */
  system(path: string, more: object = {}): object {
    const base_url = `${this.#url}/${path}`
    return { kind: 'http', base_url, allow_private: ['127.0.0.0/8'], ...more }
  }

  count(path: string): number {
    return this.calls.filter((call) => call.path.startsWith(`/${path}`)).length
  }
}

async function startWith(systems: object): Promise<Sluice> {
  const directory = await temporaryDirectory()
  await writeSystems(directory, systems)
  return new Sluice({ baseUrl: await startService({ directory }).started() })
}

function mappings(target: string, total: number) {
  return Array.from({ length: total }, (_, n) => ({
    id: `m${n}`,
    source: target,
    target,
    data: {},
  }))
}

/** The most of these moments, which rise, that lie in one second. */
function mostInASecond(moments: readonly number[]): number {
  let [most, from] = [0, 0]
  for (const [to, moment] of moments.entries()) {
    while (moment - (moments[from] ?? 0) >= 1000) from += 1
    most = Math.max(most, to - from + 1)
  }
  return most
}

describe('a real target', { timeout: 60_000 }, () => {
  test('limited to 100 calls a second gets no more, and 1,000 mappings in ten seconds', async () => {
    const target = await CountingTarget.open()
    const client = await startWith({ crm: target.system('crm', { rate: '100/s' }) })
    const { request_id } = await client.submit({ mappings: mappings('crm', 1000) })
    const status = await client.wait(request_id)
    expect(status.completed_mappings).toBe(1000)
    const moments = target.calls.map(({ at }) => at)
    expect(moments).toHaveLength(1000)
    expect(mostInASecond(moments)).toBeLessThanOrEqual(105)
    const took = (moments.at(-1) ?? 0) - (moments[0] ?? 0)
    expect(took).toBeLessThanOrEqual(10_000 * 1.05)
  })

  test('is slowed down, paused and let go while it is called', async () => {
    const target = await CountingTarget.open()
    const client = await startWith({ crm: target.system('crm', { rate: '200/s' }) })
    const { request_id } = await client.submit({ mappings: mappings('crm', 600) })
    while (target.calls.length < 50) await client.status(request_id)
    const paused = await client.updateSystem('crm', { paused: true })
    expect(paused.gate.state).toBe('paused')
    const { waiting_on } = await client.status(request_id)
    expect(waiting_on).toMatchObject([{ system: 'crm', gate: 'paused', until: null }])
    await client.updateSystem('crm', { rate: '1000/s', concurrency: 50 })
    expect((await client.system('crm')).limits.in_force).toEqual({
      concurrency: 50,
      rate: ['1000/s'],
    })
    expect(target.calls.length).toBeLessThan(300)
    await client.updateSystem('crm', { paused: false })
    expect(await client.wait(request_id)).toMatchObject({ status: 'completed', waiting_on: [] })
  })

  test('is called more at once as soon as an operator says so', async () => {
    const target = await CountingTarget.open()
    target.answer = () => null
    const client = await startWith({ crm: target.system('crm', { concurrency: 2 }) })
    await client.submit({ mappings: mappings('crm', 20) })
    while (target.calls.length < 2) await client.health()
    await client.updateSystem('crm', { concurrency: 8 })
    while (target.calls.length < 8) await client.health()
    expect(target.calls).toHaveLength(8)
  })

  test('that refuses our credentials is held, and goes on when it is mended and resumed', async () => {
    const target = await CountingTarget.open()
    target.answer = () => 401
    const client = await startWith({ crm: target.system('crm', { concurrency: 5 }) })
    const { request_id } = await client.submit({ mappings: mappings('crm', 1000) })
    while ((await client.system('crm')).gate.state !== 'held');
    expect(target.calls.length).toBeLessThanOrEqual(5)
    target.answer = () => 200
    await client.resume('crm')
    while ((await client.status(request_id)).processed_mappings < 990);
    for await (const { status, attempts } of client.results(request_id, { limit: 990 })) {
      if (status === 'completed') expect(attempts).toBe(1)
      else expect(attempts).toBe(0)
    }
  })
})

test('a request tells of the source that it waits for', { timeout: 60_000 }, async () => {
  const target = await CountingTarget.open()
  target.answer = (path) => (path.startsWith('/erp') ? 401 : 200)
  const client = await startWith({
    erp: target.system('erp', { read: { path: '/{id}' } }),
    crm: target.system('crm'),
  })
  const mappings = Array.from({ length: 10 }, (_, n) => {
    return { id: `m${n}`, source: 'erp', target: 'crm' }
  })
  const { request_id } = await client.submit({ mappings })
  while ((await client.system('erp')).gate.state !== 'held');
  expect((await client.status(request_id)).waiting_on).toMatchObject([
    { system: 'erp', gate: 'held', mappings: 10 },
  ])
})

describe('a healthy lane', { timeout: 60_000 }, () => {
  test('keeps its speed beside one that hangs, one that trips and one that is held', async () => {
    const target = await CountingTarget.open()
    target.answer = (path) => {
      if (path.startsWith('/hanging')) return null
      if (path.startsWith('/held')) return 401
      return path.startsWith('/tripped') ? 500 : 200
    }
    const client = await startWith({
      healthy: target.system('healthy', { rate: '200/s' }),
      hanging: target.system('hanging'),
      held: target.system('held'),
      tripped: target.system('tripped', { breaker: {} }),
    })
    for (const bad of ['hanging', 'held', 'tripped']) {
      await client.submit({ mappings: mappings(bad, 500) })
    }
    while (
      target.count('hanging') < 20 ||
      target.count('held') < 1 ||
      target.count('tripped') < 20
    ) {
      await client.health()
    }
    const { request_id } = await client.submit({ mappings: mappings('healthy', 800) })
    const postedAt = performance.now()
    await client.wait(request_id)
    // Alone it takes four seconds.
    expect(performance.now() - postedAt).toBeLessThanOrEqual(4000 / 0.9)
  })
})
