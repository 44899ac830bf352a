/** Several workers on one store: threads of one process, and processes around one PostgreSQL. */
import { createServer } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { Sluice } from '../../src/client/index.ts'
import { seededRandom } from '../../src/lib/random.ts'
import { migrate } from '../../src/store/postgres/migrate.ts'
import { eventually } from '../support/eventually.ts'
import { emptyTables, type PostgresServer, startPostgres } from '../support/postgres.ts'
import {
  type Service,
  startService,
  temporaryDirectory,
  WORKER,
  writeSystems,
} from '../support/process.ts'
import { Systems } from './chaos/systems.ts'
import { HeldTarget } from './target.ts'

let postgres: PostgresServer

beforeAll(async () => {
  postgres = await startPostgres()
  await migrate(postgres.url)
})

afterAll(() => postgres.stop())

const TAKEN_OVER_WITHIN_MS = 20_000
const USEFUL_WITHIN_MS = 2000
const RESUMES_WITHIN_MS = 2000
const CANCELLED_WITHIN_MS = 1000

/** Mappings that bring their own records. */
function mappings(target: string, total: number) {
  return Array.from({ length: total }, (_, n) => {
    return { id: `m${n}`, source: target, target, data: { id: `m${n}` } }
  })
}

/** A target that takes a moment over each call, and notes the most that it had at once. */
async function openBusyTarget() {
  const keys: unknown[] = []
  let open = 0
  let most = 0
  let lastAt = 0
  const server = createServer(async (request, response) => {
    open += 1
    most = Math.max(most, open)
    lastAt = performance.now()
    keys.push(request.headers['idempotency-key'])
    request.resume()
    await pause(5)
    open -= 1
    response.setHeader('content-type', 'application/json').end('{}')
  }).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : 0
  const base_url = `http://127.0.0.1:${port}`
  const system = { kind: 'http', base_url, allow_private: ['127.0.0.0/8'] }
  return { system, keys, most: () => most, lastAt: () => lastAt }
}

/** Starts processes around the PostgreSQL that know these systems. */
async function cluster(systems: object) {
  await emptyTables(postgres.url)
  const directory = await temporaryDirectory()
  await writeSystems(directory, systems)
  const env = { DATABASE_URL: postgres.url }
  return {
    api: (more = {}) => startService({ directory, env: { ...env, SLUICE_ROLE: 'api', ...more } }),
    worker: (more = {}) => startService({ directory, env: { ...env, ...more }, command: WORKER }),
  }
}

function joined({ lines }: Service): number {
  return lines.filter(({ msg }) => msg === 'worker_joined').length
}

describe('several workers in one process', { timeout: 60_000 }, () => {
  test('share a limit of the embedded store, and carry everything out once', async () => {
    const target = await openBusyTarget()
    const directory = await temporaryDirectory()
    await writeSystems(directory, { crm: { ...target.system, concurrency: 5 } })
    const service = startService({ directory, env: { SLUICE_WORKERS: '2' } })
    const client = new Sluice({ baseUrl: await service.started() })
    const { request_id } = await client.submit({ mappings: mappings('crm', 2000) })
    expect(await client.wait(request_id)).toMatchObject({ completed_mappings: 2000 })
    expect(joined(service)).toBe(2)
    expect(new Set(target.keys).size).toBe(2000)
    expect(target.keys).toHaveLength(2000)
    expect(target.most()).toBe(5)
    service.kill('SIGTERM')
    expect(await service.ended).toEqual({ code: 0, stderr: '' })
    expect(service.lines.at(-1)).toMatchObject({ msg: 'stopped' })
  })
})

describe('processes around one PostgreSQL', { timeout: 120_000 }, () => {
  test('carry out together what one of them takes, within the limits', async () => {
    const target = await openBusyTarget()
    const nodes = await cluster({ crm: { ...target.system, concurrency: 6 } })
    const api = nodes.api()
    const workers = [nodes.worker({ SLUICE_WORKERS: '2' }), nodes.worker()]
    const client = new Sluice({ baseUrl: await api.started() })
    await Promise.all(workers.map((worker) => worker.logged('started')))
    expect(await client.health()).toMatchObject({ status: 'healthy', store: 'postgres' })
    const { request_id } = await client.submit({ mappings: mappings('crm', 3000) })
    expect(await client.wait(request_id)).toMatchObject({ completed_mappings: 3000 })
    expect([...workers, api].map(joined)).toEqual([2, 1, 0])
    expect(new Set(target.keys).size).toBe(3000)
    expect(target.keys).toHaveLength(3000)
    expect(target.most()).toBeLessThanOrEqual(6)
    for (const service of [api, ...workers]) {
      service.kill('SIGTERM')
      expect(await service.ended).toEqual({ code: 0, stderr: '' })
    }
  })

  test('start nothing more of what one of them is told to cancel, and count what was under way', async () => {
    const target = await openBusyTarget()
    const nodes = await cluster({ crm: { ...target.system, concurrency: 6 } })
    const workers = [nodes.worker({ SLUICE_WORKERS: '2' }), nodes.worker()]
    const baseUrl = await nodes.api().started()
    const client = new Sluice({ baseUrl })
    await Promise.all(workers.map((worker) => worker.logged('started')))
    const { request_id } = await client.submit({ mappings: mappings('crm', 20_000) })
    await eventually(() => expect(target.keys.length).toBeGreaterThan(500))
    const cancelledAt = performance.now()
    const answer = await fetch(`${baseUrl}/requests/${request_id}/cancel`, { method: 'POST' })
    expect(answer.status).toBe(200)
    const status = await client.wait(request_id)
    const completed = target.keys.length
    expect(status).toMatchObject({
      status: 'cancelled',
      completed_mappings: completed,
      cancelled_mappings: 20_000 - completed,
    })
    expect(new Set(target.keys).size).toBe(completed)
    const took = Math.ceil(target.lastAt() - cancelledAt)
    console.log(`a cancel reached the last worker after ${took} ms`)
    expect(took).toBeLessThan(CANCELLED_WITHIN_MS)
  })

  test('take over from one that is killed, and repeat only what it had under way', async () => {
    const target = await HeldTarget.open()
    const nodes = await cluster({ crm: target.system(4) })
    const client = new Sluice({ baseUrl: await nodes.api().started() })
    const killed = nodes.worker()
    await killed.logged('started')
    const { request_id } = await client.submit({ mappings: mappings('crm', 400) })
    await target.called(4)
    const other = nodes.worker()
    await other.logged('started')
    killed.kill('SIGKILL')
    const killedAt = performance.now()
    target.release()
    await target.called(5)
    const took = Math.ceil(performance.now() - killedAt)
    console.log(`kill -9 of the worker that had everything: another was at it after ${took} ms`)
    expect(took).toBeLessThan(TAKEN_OVER_WITHIN_MS)
    expect(await client.wait(request_id)).toMatchObject({ completed_mappings: 400 })
    expect(await other.logged('batches_rescued')).toMatchObject({ batches: expect.any(Number) })
    expect(new Set(target.keys).size).toBe(400)
    expect(target.keys.length).toBeLessThanOrEqual(404)
  })

  test('have a use for one that is started again at once', async () => {
    const systems = await Systems.open(seededRandom(1))
    const [others, own] = [await cluster(systems.entries('first')), systems.entries('again')]
    const again = await cluster(own)
    const client = new Sluice({ baseUrl: await others.api().started() })
    const services = [others.worker(), again.worker()]
    await Promise.all(services.map((service) => service.logged('worker_joined')))
    services[1]?.kill('SIGTERM')
    await services[1]?.ended
    await client.submit({ mappings: mappings('steady', 20_000) })
    await eventually(() => expect(systems.calls.length).toBeGreaterThan(100))

    const startedAt = performance.now()
    const back = again.worker()
    const after = () => Math.ceil(performance.now() - startedAt)
    const joinedAfter = back.logged('worker_joined').then(after)
    const readyAfter = back.logged('started').then(after)
    const took = await eventually(() => {
      const call = systems.calls.find(({ node, began }) => node === 'again' && began > startedAt)
      if (call === undefined) throw new Error('it has not called yet')
      return Math.ceil(call.began - startedAt)
    })
    console.log(
      `a worker that was started again made its first call after ${took} ms: it had joined after ` +
        `${await joinedAfter} ms, and was at work after ${await readyAfter} ms`,
    )
    expect(took).toBeLessThan(USEFUL_WITHIN_MS)
  })

  test('start without it, say so, and go to work when it is there', async () => {
    const nodes = await cluster({ crm: { kind: 'simulated', latency: '1ms', success_rate: 1 } })
    await postgres.crash()
    const [api, worker] = [nodes.api(), nodes.worker({ SLUICE_HEALTH_PORT: '0' })]
    const [url, health] = await Promise.all([api.started(), worker.started()])
    expect(await api.logged('store_unavailable')).toMatchObject({
      message: expect.stringContaining('is not there: '),
    })
    expect(JSON.stringify(api.lines)).not.toContain(postgres.password)
    expect(await Promise.all([url, health].map(readiness))).toEqual([503, 503])
    expect((await fetch(`${health}/livez`)).status).toBe(200)
    expect((await fetch(`${health}/status/x`)).status).toBe(404)
    const refused = await submitOnce(url)
    expect(refused.status).toBe(503)
    expect(await refused.json()).toMatchObject({ type: '/problems/storage-unavailable' })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)

    await postgres.restart()
    await worker.logged('worker_joined')
    const client = new Sluice({ baseUrl: url })
    const { request_id } = await client.submit({ mappings: mappings('crm', 3) })
    expect(await client.wait(request_id)).toMatchObject({ completed_mappings: 3 })
    expect(await readiness(health)).toBe(200)
  })

  test('outlive its fall, and go on within seconds of its return', async () => {
    const nodes = await cluster({ crm: { kind: 'simulated', latency: '20ms', success_rate: 1 } })
    const api = nodes.api()
    const url = await api.started()
    const worker = nodes.worker()
    await worker.logged('started')
    const client = new Sluice({ baseUrl: url })
    const { request_id } = await client.submit({ mappings: mappings('crm', 2000) })
    await pause(300)
    await postgres.crash()
    expect((await submitOnce(url)).status).toBe(503)
    await worker.logged('store_unavailable')
    await postgres.restart()
    const returnedAt = performance.now()
    const before = await client.status(request_id)
    for (;;) {
      const { processed_mappings } = await client.status(request_id)
      if (processed_mappings > before.processed_mappings) break
    }
    const took = Math.ceil(performance.now() - returnedAt)
    console.log(`PostgreSQL came back: work went on after ${took} ms`)
    expect(took).toBeLessThan(RESUMES_WITHIN_MS)
    expect(await client.wait(request_id)).toMatchObject({ completed_mappings: 2000 })
  })

  test('are not drained by its absence: a process that waits for it ends when it is told to', async () => {
    const nodes = await cluster({ crm: { kind: 'simulated' } })
    await postgres.crash()
    const services = [nodes.api(), nodes.worker()]
    await Promise.all(services.map((service) => service.logged('started')))
    for (const service of services) service.kill('SIGTERM')
    for (const { ended } of services) expect(await ended).toEqual({ code: 0, stderr: '' })
    await postgres.restart()
  })
})

async function readiness(url: string): Promise<number> {
  return (await fetch(`${url}/readyz`)).status
}

function submitOnce(url: string): Promise<Response> {
  const body = JSON.stringify({ mappings: mappings('crm', 1) })
  const headers = { 'content-type': 'application/json' }
  return fetch(`${url}/ingest`, { method: 'POST', headers, body })
}
