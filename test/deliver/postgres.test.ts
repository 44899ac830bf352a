import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { PostgresConfig } from '../../src/deliver/kinds/postgres/config.ts'
import { postgres } from '../../src/deliver/kinds/postgres.ts'
import { freePort, type PostgresServer, startPostgres } from '../support/postgres.ts'
import { startProxy } from '../support/proxy.ts'
import { call } from './calls.ts'
import { connectKind, delivery, LOOPBACK, proxyTo, UNTRUSTED } from './systems-under-test.ts'
import { pem } from './tls/pem.ts'

let server: PostgresServer
let admin: pg.Client

beforeAll(async () => {
  server = await startPostgres()
  const { port, user, password } = server
  admin = new pg.Client({ host: '127.0.0.1', port, user, password })
  await admin.connect()
  await admin.query(`
    CREATE SCHEMA "of crm";
    CREATE TABLE "of crm".contacts (
      id text PRIMARY KEY,
      email text NOT NULL UNIQUE,
      age integer CHECK (age < 200),
      tags text[],
      extra jsonb,
      visits bigint,
      seen timestamptz
    );
    CREATE TABLE plain (key integer PRIMARY KEY, "na""me" text);
    CREATE TABLE without_index (key text, name text);
    CREATE ROLE reader LOGIN PASSWORD 'canary-reader';
    GRANT SELECT ON plain TO reader;
  `)
}, 60_000)

afterAll(async () => {
  await admin.end()
  await server.stop()
})

function url(credentials = `${server.user}:${server.password}`, database = 'postgres') {
  return `postgres://${credentials}@127.0.0.1:${server.port}/${database}`
}

function connect(config: Partial<PostgresConfig>, options = {}) {
  return connectKind(postgres, { url: url(), allow_private: LOOPBACK, ...config }, options)
}

const CONTACTS = {
  table: 'of crm.contacts',
  key: 'id',
  columns: ['email', 'age', 'tags', 'extra', 'visits', 'seen'],
}
const PLAIN = { table: 'plain', key: 'key', columns: ['na"me'] }

async function stored(id: string): Promise<unknown> {
  const { rows } = await admin.query('SELECT * FROM "of crm".contacts WHERE id = $1', [id])
  return rows[0]
}

describe('over TLS', () => {
  const write = { table: 'plain', key: 'key', columns: ['na"me'] }

  test('the server is trusted where its authority is named', async () => {
    const connection = connect({ write, tls: { ca: pem('ca.crt') } })
    const answer = await connection.write(call({ id: '77' }), { 'na"me': 'over TLS' })
    expect(answer).toMatchObject({ kind: 'delivered' })
  })

  test.each([
    [{}],
    [{ ca: pem('self-signed.crt') }],
    [{ ca: pem('ca.crt'), server_name: 'other.test' }],
  ])('the server is not trusted with %j', async (tls) => {
    const connection = connect({ write, tls })
    expect(await connection.write(call({ id: '78' }), {})).toMatchObject(UNTRUSTED)
  })
})

describe('writing', () => {
  test('puts a row there, each field in its column as its type has it, and no other field', async () => {
    const connection = connect({ write: CONTACTS })
    const payload = {
      ...{ email: 'a@example.com', age: 40, tags: ['x', 'y, z'], extra: { deep: [1, null] } },
      ...{ visits: 12, seen: '2026-01-31T10:00:00Z', unknown: 'left out' },
    }
    expect(await connection.write(call({ id: 'w1' }), payload)).toEqual({
      kind: 'delivered',
      result: null,
    })
    expect(await stored('w1')).toEqual({
      ...{ id: 'w1', email: 'a@example.com', age: 40, tags: ['x', 'y, z'] },
      ...{ extra: { deep: [1, null] }, visits: '12', seen: new Date('2026-01-31T10:00:00Z') },
    })
  })

  test('again changes the row of the key, so a repeat does no harm; what is missing is null', async () => {
    const connection = connect({ write: CONTACTS })
    await connection.write(call({ id: 'w2' }), { email: 'old@example.com', age: 1 })
    for (const _ of [1, 2]) {
      const answer = await connection.write(call({ id: 'w2' }), { email: 'new@example.com' })
      expect(answer.kind).toBe('delivered')
    }
    expect(await stored('w2')).toMatchObject({ email: 'new@example.com', age: null })
  })

  test('goes by the key in the payload where it has one', async () => {
    const connection = connect({ write: CONTACTS })
    await connection.write(call({ id: 'mapping' }), { id: 'w3', email: 'w3@example.com' })
    expect(await stored('w3')).toMatchObject({ email: 'w3@example.com' })
    expect(await stored('mapping')).toBeUndefined()
  })

  test('quotes every name, so that none can end its statement', async () => {
    const answer = await connect({ write: PLAIN }).write(call({ id: '7' }), { 'na"me': "'; --" })
    expect(answer.kind).toBe('delivered')
    const { rows } = await admin.query('SELECT * FROM plain WHERE key = 7')
    expect(rows).toEqual([{ key: 7, 'na"me': "'; --" }])
  })

  test('many is one statement, unless one of them is bad: then that one fails alone', async () => {
    const { bulk } = connect({ write: CONTACTS })
    const { signal } = new AbortController()
    const good = Array.from({ length: 50 }, (_, n) => delivery(`m${n}`, { email: `m${n}` }))
    const before = await statements()
    expect(await bulk?.writeMany(good, signal)).toEqual(
      good.map(() => ({ kind: 'delivered', result: null })),
    )
    expect((await statements()) - before).toBe(1)

    const mixed = [
      delivery('n0', { email: 'n0' }),
      delivery('n1', { email: 'n1', age: 'canary' }),
      delivery('n2', { email: null }),
      delivery('n3', 'no object'),
      delivery('n4', { email: 'n0' }),
      delivery('n5', { email: 'n5', age: 300 }),
      delivery('n6', { email: 'n6' }),
      delivery('n6', { email: 'n6 again' }),
    ]
    const answers = await bulk?.writeMany(mixed, signal)
    expect(answers?.map((answer) => ('message' in answer ? answer.message : answer.kind))).toEqual([
      'delivered',
      'PostgreSQL: a value does not fit its column (22P02).',
      'PostgreSQL: a column that must have a value has none, column "email" (23502).',
      'The payload must be an object, to become a row.',
      'PostgreSQL: another row has this value, which must be unique, constraint "contacts_email_key" (23505).',
      'PostgreSQL: a constraint of the table does not hold, constraint "contacts_age_check" (23514).',
      'delivered',
      'delivered',
    ])
    expect(answers?.[1]).toMatchObject({ kind: 'declined', stage: 'write', manner: 'rejected' })
    expect(await stored('n0')).toMatchObject({ email: 'n0' })
    expect(await stored('n6')).toMatchObject({ email: 'n6 again' })
  })

  test('goes with credentials that stand beside the URL', async () => {
    const { user: username, password } = server
    const connection = connect({ url: url('someone'), username, password, write: PLAIN })
    expect(await connection.write(call({ id: '8' }), {})).toMatchObject({ kind: 'delivered' })
  })

  test('is one by one where bulk.max is 1', () => {
    expect(connect({ write: CONTACTS, bulk: { max: 1 } }).bulk).toBeNull()
    expect(connect({ write: CONTACTS }).bulk?.max).toBe(100)
  })

  test('is not possible without a "write" in the systems file', async () => {
    const answer = await connect({ read: PLAIN }).write(call(), {})
    expect(answer).toMatchObject({ kind: 'impossible', code: 'not_configured' })
  })
})

/** How many statements have changed rows of the contacts, as the server counts them. */
async function statements(): Promise<number> {
  await admin.query('CREATE TABLE IF NOT EXISTS counted (n int)')
  await admin.query(`
    CREATE OR REPLACE FUNCTION count_it() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN INSERT INTO counted VALUES (1); RETURN NULL; END $$;
    CREATE OR REPLACE TRIGGER counting AFTER INSERT ON "of crm".contacts
      FOR EACH STATEMENT EXECUTE FUNCTION count_it();
  `)
  const { rows } = await admin.query('SELECT count(*)::int AS n FROM counted')
  return rows[0].n
}

describe('reading', () => {
  test('gives the row of the id as JSON, and numbers that a double cannot hold as text', async () => {
    await admin.query(`INSERT INTO "of crm".contacts VALUES
      ('r1', 'r1', 40, '{a}', '{"n": 1.5}', 9007199254740993, '2026-01-31T10:00:00Z')`)
    const { read } = connect({ read: { table: 'of crm.contacts', key: 'id' } })
    expect(await read?.(call({ id: 'r1' }))).toMatchObject({
      kind: 'record',
      record: {
        ...{ id: 'r1', age: 40, tags: ['a'], extra: { n: 1.5 }, visits: '9007199254740993' },
        seen: expect.stringMatching(/^2026-01-31T/),
      },
    })
  })

  test('gives the columns that are asked for', async () => {
    await admin.query(`INSERT INTO plain VALUES (1, 'one')`)
    const { read } = connect({ read: PLAIN })
    const answer = await read?.(call({ id: '1' }))
    expect(answer).toEqual({ kind: 'record', record: { 'na"me': 'one' } })
  })

  test('says that there is no such row, or that the id cannot be one', async () => {
    const { read } = connect({ read: PLAIN })
    const missing = await read?.(call({ id: '404' }))
    expect(missing).toMatchObject({ kind: 'impossible', code: 'record_not_found', stage: 'read' })
    const wrong = await read?.(call({ id: 'canary' }))
    expect(wrong).toMatchObject({ kind: 'declined', manner: 'rejected', stage: 'read' })
    expect(JSON.stringify(wrong)).not.toContain('canary')
  })

  test('does not take in a row that is nested too deeply', async () => {
    const extra = '['.repeat(5000) + ']'.repeat(5000)
    const insert = 'INSERT INTO "of crm".contacts (id, email, extra) VALUES ($1, $1, $2)'
    await admin.query(insert, ['deep', extra])
    const connection = connect({ read: { table: 'of crm.contacts', key: 'id' } })
    expect(await connection.read?.(call({ id: 'deep' }))).toMatchObject({
      kind: 'impossible',
      code: 'invalid_record',
    })
  })

  test('does not take in a row that is too large', async () => {
    await admin.query(`INSERT INTO plain VALUES (2, repeat('x', 1000000))`)
    const answer = await connect({ read: PLAIN }).read?.(call({ id: '2' }))
    expect(answer).toMatchObject({ kind: 'impossible', code: 'invalid_record' })
  })
})

describe('a database that does not do it', () => {
  test.each([
    ['a wrong password', () => ({ url: url('postgres:canary-wrong') })],
    ['an unknown user', () => ({ url: url('nobody:canary-wrong') })],
    ['no password', () => ({ url: url('postgres') })],
    ['a table that is not ours to write', () => ({ url: url('reader:canary-reader') })],
  ])('for %s is held', async (_, config) => {
    const answer = await connect({ write: PLAIN, ...config() }).write(call({ id: '9' }), {})
    expect(answer).toMatchObject({ kind: 'declined', manner: 'unauthorized', stage: 'write' })
    expect(JSON.stringify(answer)).not.toContain('canary')
  })

  test.each([
    ['an unknown database', () => ({ url: url(undefined, 'nowhere') }), '3D000'],
    ['an unknown table', () => ({ write: { ...PLAIN, table: 'nothing' } }), '42P01'],
    ['an unknown column', () => ({ write: { ...PLAIN, columns: ['nothing'] } }), '42703'],
    [
      'a key without an index',
      () => ({ write: { table: 'without_index', key: 'key', columns: ['name'] } }),
      '42P10',
    ],
  ])('for %s is misconfigured', async (_, config, state) => {
    const answer = await connect({ write: PLAIN, ...config() }).write(call({ id: '9' }), {})
    expect(answer).toMatchObject({ kind: 'misconfigured', message: expect.stringContaining(state) })
  })

  test('because nobody is there has not answered', async () => {
    const nowhere = `postgres://a:canary@127.0.0.1:${await freePort()}/x`
    const answer = await connect({ url: nowhere, write: PLAIN }).write(call(), {})
    expect(answer).toEqual({
      kind: 'unanswered',
      stage: 'write',
      code: 'connection_failed',
      message: 'The connection was refused (ECONNREFUSED).',
    })
  })

  test('because it must not be reached is misconfigured', async () => {
    const connection = connectKind(postgres, { url: url(), write: PLAIN })
    const answer = await connection.write(call(), {})
    expect(answer).toMatchObject({ kind: 'misconfigured', code: 'address_not_allowed' })
  })

  test('because it says nothing is given up in time', async () => {
    const silent = await proxyTo(null)
    const to = `postgres://a:b@127.0.0.1:${silent.port}/x`
    const connection = connect({ url: to, write: PLAIN }, { timeout: 50 })
    expect(await connection.write(call(), {})).toMatchObject({ code: 'timeout' })
  })

  test('because another has the row locked is given up in time, and works again after', async () => {
    const connection = connect({ write: PLAIN }, { timeout: 300, concurrency: 1 })
    await admin.query('BEGIN')
    await admin.query(`INSERT INTO plain VALUES (50, 'locked')`)
    const answer = await connection.write(call({ id: '50' }), {})
    await admin.query('COMMIT')
    expect(answer).toMatchObject({ kind: 'unanswered', code: 'timeout' })
    expect(await connection.write(call({ id: '51' }), {})).toMatchObject({ kind: 'delivered' })
  })

  test('because we stop is interrupted at once, and works again after', async () => {
    const connection = connect({ write: PLAIN }, { concurrency: 1 })
    await admin.query('BEGIN')
    await admin.query(`INSERT INTO plain VALUES (60, 'locked')`)
    const stop = new AbortController()
    const answer = connection.write(call({ id: '60' }, stop.signal), {})
    await locked()
    stop.abort()
    expect(await answer).toEqual({ kind: 'interrupted' })
    await admin.query('COMMIT')
    expect(await connection.write(call({ id: '61' }), {})).toMatchObject({ kind: 'delivered' })
  })

  test.each(['English', 'Czech'])(
    'because it refuses the statement keeps its connection, in whatever language it says so: %s',
    async (language) => {
      await admin.query(
        `CREATE OR REPLACE VIEW sessions AS SELECT 1 AS key, pg_backend_pid() AS session`,
      )
      const proxy = await startProxy(url())
      if (language === 'Czech') proxy.speakCzech()
      const read = { table: 'sessions', key: 'key' }
      const connection = connect({ url: proxy.url, read }, { concurrency: 1 })
      const before = await connection.read?.(call({ id: '1' }))
      expect(before).toMatchObject({ kind: 'record' })
      const answer = await connection.read?.(call({ id: 'no number' }))
      expect(answer).toMatchObject({ kind: 'declined', manner: 'rejected' })
      expect(await connection.read?.(call({ id: '1' }))).toEqual(before)
    },
  )

  test('because its connection breaks in between is not missed by the next call', async () => {
    const connection = connect({ read: PLAIN }, { concurrency: 1 })
    await connection.read?.(call({ id: '1' }))
    await admin.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sluice'`,
    )
    // Whether the first one notices depends on who is faster.
    await connection.read?.(call({ id: '404' }))
    const answer = await connection.read?.(call({ id: '404' }))
    expect(answer).toMatchObject({ code: 'record_not_found' })
  })
})

/** Resolves when a statement waits for a lock. */
async function locked(): Promise<void> {
  // Within a transaction the server shows the same picture again, unless it is told not to.
  const clear = 'SELECT pg_stat_clear_snapshot()'
  const waiting = `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'`
  do await admin.query(clear)
  while ((await admin.query(waiting)).rowCount === 0)
}
