/** Where processes around one PostgreSQL listen for each other's work, as `SLUICE_LISTEN_URL` says. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { Sluice } from '../../src/client/index.ts'
import { migrate } from '../../src/store/postgres/migrate.ts'
import { findCommand, needing } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { startPooler } from '../support/pgbouncer.ts'
import { emptyTables, execute, type PostgresServer, startPostgres } from '../support/postgres.ts'
import { startService, temporaryDirectory, WORKER, writeSystems } from '../support/process.ts'

const PGBOUNCER = findCommand('pgbouncer')

const REQUESTS = 8
/** Whoever does not listen asks once a second, and takes as long as this only now and then. */
const HEARD_WITHIN_MS = 250

let postgres: PostgresServer

beforeAll(async () => {
  postgres = await startPostgres()
  await migrate(postgres.url)
})

afterAll(() => postgres.stop())

interface Addresses {
  /** Where the database is; its own address unless told. */
  readonly databaseUrl?: string
  readonly listenUrl?: string
}

/** An API and a worker, processes of their own; the worker takes no time over a mapping. */
async function apart({ databaseUrl = postgres.url, listenUrl }: Addresses): Promise<Sluice> {
  await emptyTables(postgres.url)
  const directory = await temporaryDirectory()
  await writeSystems(directory, { crm: { kind: 'simulated', latency: '0ms', success_rate: 1 } })
  const env = {
    DATABASE_URL: databaseUrl,
    ...(listenUrl === undefined ? {} : { SLUICE_LISTEN_URL: listenUrl }),
  }
  const worker = startService({ directory, env, command: WORKER })
  const api = startService({ directory, env: { ...env, SLUICE_ROLE: 'api' } })
  await worker.logged('worker_joined')
  return new Sluice({ baseUrl: await api.started() })
}

/** The names under which sessions that listen are known to the server, each once. */
async function listening(): Promise<readonly unknown[]> {
  const rows = await execute(
    postgres.url,
    `SELECT DISTINCT application_name AS name FROM pg_stat_activity
     WHERE query LIKE '%pg_listening_channels%' AND pid <> pg_backend_pid()`,
  )
  return rows.map(({ name }) => name)
}

/** How long the worker took to begin with a request that the API took, mostly, in milliseconds. */
async function usualDelay(client: Sluice): Promise<number> {
  const delays: number[] = []
  for (let n = 0; n < REQUESTS; n += 1) {
    const mappings = [{ id: 'm', source: 'crm', target: 'crm', data: {} }]
    const { request_id } = await client.submit({ mappings })
    const { status, created_at, started_at } = await client.wait(request_id)
    expect(status).toBe('completed')
    delays.push(Date.parse(started_at ?? '') - Date.parse(created_at))
  }
  return delays.sort((a, b) => a - b)[REQUESTS / 2] ?? Number.NaN
}

test('unset, they listen where the database is, and begin at once', async () => {
  const client = await apart({})
  await eventually(async () => expect(await listening()).toEqual(['sluice']))
  expect(await usualDelay(client)).toBeLessThan(HEARD_WITHIN_MS)
})

test('an address of its own, past a pooler, is listened at, and no other', async () => {
  const client = await apart({ listenUrl: `${postgres.url}?application_name=past-the-pooler` })
  await eventually(async () => expect(await listening()).toEqual(['past-the-pooler']))
  expect(await usualDelay(client)).toBeLessThan(HEARD_WITHIN_MS)
})

test('off, nobody listens, and all is carried out, a little later', async () => {
  const client = await apart({ listenUrl: 'off' })
  expect(await usualDelay(client)).toBeGreaterThan(HEARD_WITHIN_MS)
  expect(await listening()).toEqual([])
})

describe.skipIf(PGBOUNCER === null)(needing('pgbouncer', 'behind a pooler of transactions'), () => {
  test.each([
    ['and listening past it', () => postgres.url],
    ['and listening nowhere', () => 'off'],
  ])('%s, all is carried out, over fewer sessions than connections', async (_, listenAt) => {
    const pooler = await startPooler(PGBOUNCER ?? '', postgres)
    onTestFinished(() => pooler.stop())
    const client = await apart({ databaseUrl: pooler.url, listenUrl: listenAt() })
    const mappings = Array.from({ length: 2000 }, (_, n) => {
      return { id: `m${n}`, source: 'crm', target: 'crm', data: {} }
    })
    const requests = Array.from({ length: 10 }, () => client.submit({ mappings }))
    for (const { request_id } of await Promise.all(requests)) {
      expect(await client.wait(request_id)).toMatchObject({ completed_mappings: 2000 })
    }
  })
})
