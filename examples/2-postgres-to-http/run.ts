/** Rows of PostgreSQL to an HTTP API that takes a hundred in a call. */
import pg from 'pg'
import { startPostgres } from '../../test/support/postgres.ts'
import { startApi } from '../support/server.ts'
import { walk } from '../support/walk.ts'

const ROWS = 500

/** A database of the example's own, from npm; yours is running somewhere already. */
const server = await startPostgres()
const database = `postgres://${server.user}:${server.password}@127.0.0.1:${server.port}/postgres`

let contacts = 0
let calls = 0
const api = await startApi((_, body) => {
  calls += 1
  contacts += Array.isArray(body) ? body.length : 0
  return { status: 200, body: null }
})

try {
  const client = new pg.Client(database)
  await client.connect()
  await client.query(`
    CREATE SCHEMA shop;
    CREATE TABLE shop.customers (id integer PRIMARY KEY, email text, orders integer);
    INSERT INTO shop.customers SELECT n, 'customer-' || n || '@example.com', n % 7
      FROM generate_series(1, ${ROWS}) AS n`)
  await client.end()

  const mappings = Array.from({ length: ROWS }, (_, n) => ({
    id: String(n + 1),
    source: 'warehouse',
    target: 'crm',
  }))
  const env = { EXAMPLE_DATABASE: database, EXAMPLE_URL: api.url }
  await walk(new URL('systems.yaml', import.meta.url), { mappings }, env)
  console.log(`The CRM got ${contacts} contacts in ${calls} calls.`)
} finally {
  api.stop()
  await server.stop()
}
