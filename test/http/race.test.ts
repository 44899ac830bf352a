/** Fifty clients hand in one request, with one key, at the same moment: there is one request. */
import { afterAll, describe, expect, test } from 'vitest'
import { openPostgresStore } from '../../src/store/postgres/store.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import type { Store } from '../../src/store/store.ts'
import { allBatches, listed } from '../contract/steps.ts'
import { lines } from '../intake/stage.ts'
import { postgresDatabase } from '../support/postgres.ts'
import { temporaryDirectory } from '../support/process.ts'
import { mapping, openServer } from './server.ts'

const CLIENTS = 50

const { url, drop } = await postgresDatabase()
afterAll(drop)

const STORES: Readonly<Record<string, () => Promise<Store>>> = {
  SQLite: async () => openSqliteStore({ dataDir: await temporaryDirectory() }),
  PostgreSQL: () => openPostgresStore({ url, listenUrl: null, connections: 10, migrate: true }),
}

/** A small one is one insert; a large one comes in pieces, and takes its time. */
const BODIES = [
  { form: 'small JSON', type: 'application/json', body: JSON.stringify({ mappings: [mapping()] }) },
  { form: 'a small stream', type: 'application/x-ndjson', body: lines(3) },
  { form: 'a large stream', type: 'application/x-ndjson', body: lines(10_000) },
]

describe.each(Object.entries(STORES))('on %s', (_, openStore) => {
  test.each(BODIES)('with $form', async ({ form, type, body }) => {
    const store = await openStore()
    const { server } = await openServer({ wrap: () => store, limits: { maxUploads: CLIENTS } })
    const ingest = `${await server.listen()}/ingest`
    const before = await listed(store)
    const headers = { 'content-type': type, 'idempotency-key': form.replaceAll(' ', '-') }
    const post = async () => {
      const answer = await fetch(ingest, { method: 'POST', headers, body })
      const { request_id: id = '' }: { request_id?: string } = JSON.parse(await answer.text())
      return { status: answer.status, id, isNew: !answer.headers.has('idempotency-replayed') }
    }

    const answers = await Promise.all(Array.from({ length: CLIENTS }, post))
    for (const { status } of answers) expect([202, 409]).toContain(status)
    const accepted = answers.filter(({ status }) => status === 202)
    expect(accepted.filter(({ isNew }) => isNew)).toHaveLength(1)
    const after = await post()
    expect(after).toMatchObject({ status: 202, isNew: false })
    expect(new Set(accepted.map(({ id }) => id))).toEqual(new Set([after.id]))

    const made = (await listed(store)).filter((id) => !before.includes(id))
    expect(made).toEqual([after.id])
    const held = (await allBatches(store, after.id)).map(({ ordinals }) => ordinals.count)
    const total = (await store.request('default', after.id))?.total
    expect(held.reduce((sum, count) => sum + count, 0)).toBe(total)
    await server.close(0)
    await store.close()
  })
})
