/** Following and downloading from real processes: those that stop, and those that deliver elsewhere. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { Sluice } from '../../src/client/index.ts'
import { migrate } from '../../src/store/postgres/migrate.ts'
import { openEvents } from '../http/event-source.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { startService, temporaryDirectory, WORKER, writeSystems } from '../support/process.ts'
import { HeldTarget } from './target.ts'

const TOTAL = 500

async function follow(url: string) {
  const source = await openEvents(`${url}/events`)
  onTestFinished(() => source.leave())
  return source
}

/** A directory whose systems file knows a target that holds its calls. */
async function withTarget() {
  const directory = await temporaryDirectory()
  const target = await HeldTarget.open()
  await writeSystems(directory, { shop: target.system(10) })
  return { directory, target }
}

async function submit(url: string): Promise<string> {
  const mappings = Array.from({ length: TOTAL }, (_, n) => {
    return { id: `m${n}`, source: 'shop', target: 'shop', data: { id: `m${n}` } }
  })
  const { request_id } = await new Sluice({ baseUrl: url }).submit({ mappings })
  return `${url}/status/${request_id}`
}

async function downloaded(status: string): Promise<string> {
  const headers = { accept: 'application/x-ndjson' }
  return (await fetch(`${status}/results`, { headers })).text()
}

describe('a process of its own', { timeout: 60_000 }, () => {
  test('tells of the end at once, to those who listen and to those who wait', async () => {
    const { directory, target } = await withTarget()
    const service = startService({ directory })
    const status = await submit(await service.started())
    const source = await follow(status)
    const waiting = fetch(status, { headers: { prefer: 'wait=60' } })
    await target.called(10)
    target.release()
    const answer = await waiting
    expect(await answer.json()).toMatchObject({ status: 'completed' })
    expect(await source.closed).toBe(true)
    expect((await downloaded(status)).trimEnd().split('\n')).toHaveLength(TOTAL)
  })

  test('ends its streams in order when it is told to stop, and a download with its last', async () => {
    const { directory, target } = await withTarget()
    const service = startService({ directory })
    const url = await service.started()
    const status = await submit(url)
    const [source, download] = [await follow(status), downloaded(status)]
    const waiting = fetch(status, { headers: { prefer: 'wait=60' } })
    await source.received(({ name }) => name === 'status')
    await target.called(10)
    expect((await download).trimEnd().split('\n')).toHaveLength(TOTAL)
    service.kill('SIGTERM')
    expect(await (await waiting).json()).toMatchObject({ status: 'in_progress' })
    expect(await source.closed).toBe(true)
    expect(source.text()).toMatch(/retry: \d+\n\n$/)
    target.release()
    expect(await service.ended).toEqual({ code: 0, stderr: '' })
  })
})

describe('processes around one PostgreSQL', { timeout: 120_000 }, () => {
  let postgres: PostgresServer

  beforeAll(async () => {
    postgres = await startPostgres()
    await migrate(postgres.url)
  })

  afterAll(() => postgres.stop())

  test('tell how a request goes on that another one delivers, also after one has gone', async () => {
    const { directory, target } = await withTarget()
    const env = { DATABASE_URL: postgres.url }
    const api = () => startService({ directory, env: { ...env, SLUICE_ROLE: 'api' } })
    const [one, other] = [api(), api()]
    startService({ directory, env, command: WORKER })
    const [url, otherUrl] = await Promise.all([one.started(), other.started()])
    const status = await submit(url)
    await target.called(10)

    const source = await follow(status)
    const { id } = await source.received(({ data }) => data['status'] === 'in_progress')
    const waiting = fetch(status.replace(url, otherUrl), { headers: { prefer: 'wait=60' } })
    one.kill('SIGTERM')
    expect(await source.closed).toBe(true)
    const resumed = await openEvents(`${status.replace(url, otherUrl)}/events`, {
      'last-event-id': id,
    })
    onTestFinished(() => resumed.leave())
    target.release()

    expect(await resumed.closed).toBe(true)
    expect(resumed.events.at(-1)).toMatchObject({
      name: 'done',
      data: { status: 'completed', completed_mappings: TOTAL },
    })
    expect(await (await waiting).json()).toMatchObject({ status: 'completed' })
    expect((await downloaded(status.replace(url, otherUrl))).split('\n')).toHaveLength(TOTAL + 1)
  })
})
