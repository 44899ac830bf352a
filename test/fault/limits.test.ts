/** Limits and gates with a real service and a real target, which counts for itself. */
import { createServer } from 'node:http'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Sluice } from '../../src/client/index.ts'
import { eventually } from '../support/eventually.ts'
import { startService, temporaryDirectory, writeSystems } from '../support/process.ts'
import { serve } from './target.ts'

/** How often a target looks whether it is awake. */
const LOOK_EVERY_MS = 5

/** One call as its target knows it. */
interface Call {
  readonly path: string
  readonly at: number
  /** It did not come before this moment. A process that was not awake hears in a heap what came meanwhile. */
  readonly after: number
}

/** A target that notes when each call came, and answers as it is told to. */
class CountingTarget {
  readonly calls: Call[] = []
  /** Null never answers. */
  answer: (path: string) => number | null = () => 200
  /** How long it takes over an answer. */
  latency = 0
  /** For how long it was not awake at most: whoever calls it may have been held up as long. */
  nap = 0
  #url = ''
  /** When it was awake for the last time, and for the time before. */
  #awake = [performance.now(), performance.now()] as const
  readonly #server = createServer((request, response) => {
    const path = request.url ?? ''
    this.calls.push({ path, at: performance.now(), after: this.#awake[1] })
    request.resume()
    const status = this.answer(path)
    if (status === null) return
    const answer = () =>
      response.writeHead(status, { 'content-type': 'application/json' }).end('{}')
    if (this.latency === 0) answer()
    else setTimeout(answer, this.latency)
  })

  static async open(): Promise<CountingTarget> {
    const target = new CountingTarget()
    target.#url = await serve(target.#server)
    const looking = setInterval(() => {
      const now = performance.now()
      target.nap = Math.max(target.nap, now - target.#awake[0] - LOOK_EVERY_MS)
      target.#awake = [now, target.#awake[0]]
    }, LOOK_EVERY_MS)
    onTestFinished(() => clearInterval(looking))
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

/** The most of its calls that were made within one second, as far as is certain. */
function mostInASecond({ calls, nap }: CountingTarget): number {
  let [most, from] = [0, 0]
  for (const [to, { at }] of calls.entries()) {
    while (at + nap - (calls[from]?.after ?? 0) >= 1000) from += 1
    most = Math.max(most, to - from + 1)
  }
  return most
}

/** How long it took from the first of some calls to the last. */
function span(calls: readonly Call[]): number {
  return (calls.at(-1)?.at ?? 0) - (calls[0]?.at ?? 0)
}

describe('a real target', { timeout: 60_000 }, () => {
  test('limited to 100 calls a second gets no more, and 5,000 mappings in fifty seconds', {
    timeout: 90_000,
  }, async () => {
    const target = await CountingTarget.open()
    const client = await startWith({ crm: target.system('crm', { rate: '100/s' }) })
    const { request_id } = await client.submit({ mappings: mappings('crm', 5000) })
    expect((await client.wait(request_id)).completed_mappings).toBe(5000)
    expect(target.calls).toHaveLength(5000)
    expect(mostInASecond(target)).toBeLessThanOrEqual(105)
    expect(span(target.calls)).toBeLessThanOrEqual(50_000 * 1.05)
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
  const ROUNDS = 5

  /** One that trips, one that hangs and one that is held, each with work for longer than anyone looks. */
  async function trouble(client: Sluice, target: CountingTarget): Promise<void> {
    for (const bad of ['hanging', 'held', 'tripped']) {
      await client.submit({ mappings: mappings(bad, 5000) })
    }
    await eventually(() => {
      expect(target.count('hanging')).toBeGreaterThanOrEqual(10)
      expect(target.count('held')).toBeGreaterThanOrEqual(1)
      expect(target.count('tripped')).toBeGreaterThanOrEqual(20)
    })
  }

  /** How long it takes a lane to make five hundred calls, as its target sees it. */
  async function round(client: Sluice, target: CountingTarget): Promise<number> {
    const before = target.calls.length
    const { request_id } = await client.submit({ mappings: mappings('healthy', 500) })
    await client.wait(request_id)
    return span(target.calls.slice(before).filter(({ path }) => path.startsWith('/healthy')))
  }

  test('goes at full speed beside one that hangs, one that trips and one that is held', async () => {
    const target = await CountingTarget.open()
    target.answer = (path) => {
      if (path.startsWith('/hanging')) return null
      if (path.startsWith('/held')) return 401
      return path.startsWith('/tripped') ? 500 : 200
    }
    // As many calls at once as may be, each of which takes a while: so its speed is no matter of the machine's.
    target.latency = 10
    const systems = {
      healthy: target.system('healthy', { concurrency: 10 }),
      hanging: target.system('hanging', { concurrency: 10 }),
      held: target.system('held', { concurrency: 10 }),
      tripped: target.system('tripped', { breaker: { cooldown: '1s' } }),
    }
    const [alone, beside] = [await startWith(systems), await startWith(systems)]
    await trouble(beside, target)
    const took = { alone: [] as number[], beside: [] as number[] }
    for (let time = 0; time < ROUNDS; time += 1) {
      took.alone.push(await round(alone, target))
      took.beside.push(await round(beside, target))
    }
    const ratio = median(took.alone) / median(took.beside)
    console.log(`beside three that are in trouble a lane kept ${ratio.toFixed(2)} of its speed`)
    expect(ratio).toBeGreaterThanOrEqual(0.9)
  })
})

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}
