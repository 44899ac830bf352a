/** The threads that read large bodies, as they are: what comes of a body, and of whoever sends it. */
import { describe, expect, onTestFinished, test } from 'vitest'
import { NO_TERMS } from '../../src/core/request.ts'
import type { UploadOrder } from '../../src/intake/upload.ts'
import type { ReceiverData } from '../../src/receiver.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import type { Store } from '../../src/store/store.ts'
import { openUploads, type Uploads } from '../../src/uploads.ts'
import { cleared, listed } from '../contract/steps.ts'
import { eventually } from '../support/eventually.ts'
import { temporaryDirectory } from '../support/process.ts'
import { TENANT } from '../support/requests.ts'
import { cut, lines } from './stage.ts'

/** So many that no piece holds them all. */
const MANY = 20_000

interface Opened {
  readonly uploads: Uploads
  readonly store: Store
}

/** Gone when the test is over. @param change what the next thread is started with */
async function open(
  change: (data: ReceiverData) => ReceiverData = (data) => data,
): Promise<Opened> {
  const store = await openSqliteStore({ dataDir: await temporaryDirectory() })
  const data = (): ReceiverData => ({
    store: { kind: 'sqlite', ports: store.share() },
    systems: { mode: 'demo', names: [], readable: [] },
    callbacks: { areSigned: false, allowPrivate: [] },
    limits: {
      ...{ maxBody: 1e9, maxMappings: 1e6, maxStream: 1e9, maxStreamMappings: 1e6 },
      batchSize: null,
    },
  })
  const uploads = openUploads({ data: () => change(data()), max: 16 })
  onTestFinished(async () => {
    await uploads.close()
    await store.close()
  })
  return { uploads, store }
}

function order(changes: Partial<UploadOrder> = {}): UploadOrder {
  return {
    ...{ tenant: TENANT, encoding: 'identity', idempotencyKey: null, onInvalid: 'refuse' },
    isRehearsal: false,
    content: { format: 'ndjson', options: {}, terms: NO_TERMS },
    ...changes,
  }
}

const JSON_ORDER = order({ content: { format: 'json' } })

describe('a body', () => {
  test('is taken, whatever it is', async () => {
    const { uploads, store } = await open()
    const json = JSON.stringify({ mappings: [{ id: 'a', source: 's', target: 't' }] })
    const acceptances = await Promise.all([
      uploads.upload(JSON_ORDER, cut(json, 10)),
      uploads.upload(order(), cut(lines(MANY))),
    ])
    expect(acceptances).toMatchObject([{ total: 1 }, { total: MANY }])
    expect(await store.totals()).toEqual({ activeRequests: 2, openMappings: MANY + 1 })
  })

  test('is only looked at, whatever it is, where that is all that is wanted', async () => {
    const { uploads, store } = await open()
    const json = JSON.stringify({ mappings: [{ id: 'a', source: 's', target: 't' }] })
    const endings = await Promise.all([
      uploads.upload({ ...JSON_ORDER, isRehearsal: true }, cut(json, 10)),
      uploads.upload(order({ isRehearsal: true }), cut(lines(MANY))),
      uploads.upload(order({ isRehearsal: true }), cut(`${lines(MANY)}1\n`)),
    ])
    expect(endings).toMatchObject([
      { kind: 'planned', plan: { total: 1 } },
      { kind: 'planned', plan: { total: MANY } },
      { kind: 'refused', problems: [{ pointer: `#/mappings/${MANY}` }] },
    ])
    expect(await store.totals()).toEqual({ activeRequests: 0, openMappings: 0 })
  })

  test('is taken beside others', async () => {
    const { uploads, store } = await open()
    const all = Array.from({ length: 12 }, () => uploads.upload(order(), cut(lines(MANY / 10))))
    for (const acceptance of await Promise.all(all)) {
      expect(acceptance).toMatchObject({ kind: 'accepted', total: MANY / 10 })
    }
    expect(await listed(store)).toHaveLength(12)
  })

  test('costs the thread that hands it on next to nothing', async () => {
    const { uploads } = await open()
    const data = Array.from({ length: 150_000 }, (_, n) => ({
      id: `m${n}`,
      source: 's',
      target: 't',
    }))
    const document = Buffer.from(JSON.stringify({ mappings: data }))
    const [usedBefore, usedByAllBefore] = [process.threadCpuUsage(), process.cpuUsage()]
    await uploads.upload(JSON_ORDER, cut(document.toString(), 65_536))
    const [used, usedByAll] = [
      process.threadCpuUsage(usedBefore),
      process.cpuUsage(usedByAllBefore),
    ]
    expect(used.user + used.system).toBeLessThan((usedByAll.user + usedByAll.system) / 4)
  })

  test('that is refused is not asked for to its end', async () => {
    const { uploads } = await open()
    let isLetGo = false
    async function* endless() {
      try {
        for (;;) yield Buffer.from('1\n'.repeat(1000))
      } finally {
        isLetGo = true
      }
    }
    expect(await uploads.upload(order(), endless())).toMatchObject({ kind: 'refused' })
    await expect.poll(() => isLetGo).toBe(true)
  })

  test('that breaks off fails with its own error, when nothing is left of it', async () => {
    const { uploads, store } = await open()
    const gone = new Error('the client is gone')
    async function* broken() {
      yield* cut(lines(MANY))
      throw gone
    }
    const key = { idempotencyKey: 'k' }
    await expect(uploads.upload(order(key), broken())).rejects.toBe(gone)
    const again = await uploads.upload(order(key), cut(lines(3)))
    expect(again).toMatchObject({ kind: 'accepted', replayed: false })
    await cleared(store, Date.now())
    expect(await listed(store)).toHaveLength(1)
  })

  test('fails by name where the store fails', async () => {
    const { uploads, store } = await open()
    const halfway = Promise.withResolvers<void>()
    async function* slow() {
      yield* cut(lines(MANY))
      await halfway.promise
      yield* cut(lines(MANY, (n) => ({ id: `more_${n}` })))
    }
    const upload = uploads.upload(order(), slow())
    // Given up, as though nothing had come for long.
    await eventually(async () => expect(await store.clear(Date.now() + 60_000)).toBe(true))
    halfway.resolve()
    await expect(upload).rejects.toMatchObject({ name: 'StoreUnavailable' })
  })

  test('fails where its thread dies, and the next one is taken by another', async () => {
    let isBroken = true
    const { uploads } = await open((data) => {
      if (!isBroken) return data
      isBroken = false
      return { ...data, systems: JSON.parse('null') }
    })
    await expect(uploads.upload(order(), cut(lines(MANY)))).rejects.toThrow('thread')
    expect(await uploads.upload(order(), cut(lines(3)))).toMatchObject({ kind: 'accepted' })
  })

  test('fails where its thread dies while all is closed, and that goes on', async () => {
    const { uploads } = await open((data) => ({ ...data, systems: JSON.parse('null') }))
    const upload = uploads.upload(order(), cut(lines(3)))
    const closed = uploads.close()
    await expect(upload).rejects.toThrow('thread')
    await closed
  })
})
