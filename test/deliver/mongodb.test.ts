import type { Document } from 'mongodb'
import { describe, expect, test } from 'vitest'
import type { MongodbConfig } from '../../src/deliver/kinds/mongodb/config.ts'
import { judge } from '../../src/deliver/kinds/mongodb/judge.ts'
import { mongodb } from '../../src/deliver/kinds/mongodb.ts'
import { fakeMongodb } from '../support/mongodb.ts'
import { freePort } from '../support/postgres.ts'
import { call } from './calls.ts'
import { connectKind, delivery, LOOPBACK, proxyTo } from './systems-under-test.ts'

function connect(address: string, config: Partial<MongodbConfig> = {}, timeout = 10_000) {
  const url = `mongodb://${address}/`
  const place = { database: 'crm', collection: 'contacts', allow_private: LOOPBACK }
  return connectKind(mongodb, { url, ...place, ...config }, { timeout })
}

/** A collection that keeps what is written by its `_id`, and refuses what has a `fault`. */
function collection() {
  const commands: Document[] = []
  const stored = new Map<unknown, Document>()
  return {
    commands,
    stored,
    respond(command: Document): Document {
      commands.push(command)
      const updates: Document[] = command['updates'] ?? []
      const writeErrors = updates.flatMap(({ u }, index) =>
        u.fault === undefined ? [] : [{ index, code: u.fault, errmsg: 'canary' }],
      )
      for (const { q, u } of updates) {
        if (u.fault === undefined) stored.set(q._id.$eq, u)
      }
      const n = updates.length - writeErrors.length
      return { ok: 1, n, nModified: n, ...(writeErrors.length > 0 && { writeErrors }) }
    },
  }
}

describe('a MongoDB collection', () => {
  test('gets each payload in the place of the document of its key, or adds it', async () => {
    const { respond, commands, stored } = collection()
    const connection = connect(await fakeMongodb(respond))
    const answer = await connection.write(call({ id: 'a' }), { email: 'a@example.com', n: [1] })
    expect(answer).toEqual({ kind: 'delivered', result: null })
    expect(stored.get('a')).toEqual({ _id: 'a', email: 'a@example.com', n: [1] })
    await connection.write(call({ id: 'a' }), { _id: 'own', n: 2 })
    expect(stored.get('own')).toEqual({ _id: 'own', n: 2 })
    expect(commands[0]).toMatchObject({ update: 'contacts', $db: 'crm', ordered: false })
    expect(commands[0]?.['updates']).toMatchObject([{ upsert: true }])
  })

  test('gets many in one command, and a bad one fails alone', async () => {
    const { respond, commands, stored } = collection()
    const { bulk } = connect(await fakeMongodb(respond))
    const answers = await bulk?.writeMany(
      [
        delivery('a', { n: 1 }),
        delivery('b', { fault: 11_000 }),
        delivery('c', 'no object'),
        delivery('d', { $set: 1 }),
        delivery('e', { _id: { $gt: '' } }),
        delivery('f', { fault: 121 }),
        delivery('g', { n: 2 }),
      ],
      new AbortController().signal,
    )
    expect(answers?.map((answer) => ('message' in answer ? answer.message : answer.kind))).toEqual([
      'delivered',
      'MongoDB: another document has this value, which must be unique (11000).',
      'The payload must be an object, to become a document.',
      'No field of a document may begin with $.',
      'The key "_id" must be a text or a number.',
      'MongoDB: the document is not as its collection demands (121).',
      'delivered',
    ])
    expect(answers?.[1]).toMatchObject({ kind: 'declined', manner: 'rejected' })
    expect(commands).toHaveLength(1)
    expect([...stored.keys()]).toEqual(['a', 'g'])
  })

  test('that refuses the command because of one document is asked one by one', async () => {
    const respond = ({ updates = [] }: Document) =>
      updates.some(({ u }: Document) => u.deep)
        ? { ok: 0, code: 15, errmsg: 'canary' }
        : { ok: 1, n: 1 }
    const { bulk } = connect(await fakeMongodb(respond))
    const answers = await bulk?.writeMany(
      [delivery('a', {}), delivery('b', { deep: true }), delivery('c', {})],
      new AbortController().signal,
    )
    expect(answers).toMatchObject([
      { kind: 'delivered' },
      { kind: 'declined', manner: 'rejected', message: 'MongoDB: it refused the document (15).' },
      { kind: 'delivered' },
    ])
  })

  test('that refuses our credentials is held', async () => {
    const address = await fakeMongodb(() => ({ ok: 0, code: 18, errmsg: 'canary' }))
    const answer = await connect(`sluice:canary-password@${address}`).write(call(), {})
    expect(answer).toMatchObject({ kind: 'declined', manner: 'unauthorized' })
    expect(JSON.stringify(answer)).not.toContain('canary')
  })

  test('that is not there has not answered', async () => {
    const nowhere = `127.0.0.1:${await freePort()}`
    const answer = await connect(nowhere, {}, 200).write(call(), {})
    expect(answer).toMatchObject({
      kind: 'unanswered',
      code: 'connection_failed',
      message: 'The connection was refused (ECONNREFUSED).',
    })
  })

  test('that says nothing is given up in time, and an interrupted call at once', async () => {
    const { port } = await proxyTo(null)
    const answer = await connect(`127.0.0.1:${port}`, {}, 100).write(call(), {})
    expect(answer).toMatchObject({ kind: 'unanswered' })
    const stop = new AbortController()
    const interrupted = connect(`127.0.0.1:${port}`).write(call({}, stop.signal), {})
    stop.abort()
    expect(await interrupted).toEqual({ kind: 'interrupted' })
  })

  test('at an address that is not allowed is not connected to', async () => {
    const answer = await connect('127.0.0.1:1', { allow_private: [] }).write(call(), {})
    expect(answer).toMatchObject({ kind: 'misconfigured', code: 'address_not_allowed' })
  })

  test('that names a member at an address that is not allowed is held, and that one gets nothing', async () => {
    const { respond, commands } = collection()
    const member = await fakeMongodb(respond, { host: '127.0.0.2' })
    const seed = await fakeMongodb(respond, { members: [member] })
    const connection = connect(seed, { allow_private: ['127.0.0.1/32'] })
    for (let round = 0; round < 3; round++) {
      expect(await connection.write(call(), {})).toMatchObject({
        kind: 'misconfigured',
        code: 'address_not_allowed',
        message: expect.stringContaining('allow_private: [127.0.0.2/32]'),
      })
    }
    expect(commands).toEqual([])
  })

  test('that names a member at an address that is allowed is written to', async () => {
    const { respond, stored } = collection()
    const member = await fakeMongodb(respond, { host: '127.0.0.2' })
    const connection = connect(await fakeMongodb(respond, { members: [member] }))
    expect(await connection.write(call(), {})).toMatchObject({ kind: 'delivered' })
    expect(stored.size).toBe(1)
  })

  test('whose url the driver cannot read is misconfigured, and the url not told', async () => {
    const answer = await connect('canary:1:2,,').write(call(), {})
    expect(answer).toMatchObject({ kind: 'misconfigured', code: 'invalid_url' })
    expect(JSON.stringify(answer)).not.toContain('canary')
  })
})

test.each([
  [91, { kind: 'declined', manner: 'unavailable' }],
  [10107, { kind: 'declined', manner: 'unavailable' }],
  [13, { kind: 'declined', manner: 'unauthorized' }],
  [2, { kind: 'declined', manner: 'rejected' }],
])('the code %i is judged', (code, expected) => {
  expect(judge(Object.assign(new Error('canary'), { code }), 'write')).toMatchObject(expected)
})
