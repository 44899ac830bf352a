import pg from 'pg'
import { startPostgres as startServer } from '../test/support/postgres.ts'
import { atTheLatest } from './leftovers.ts'

/** A PostgreSQL of its own. Every commit is on disk before it is answered, as it is by default. */
export interface Postgres extends AsyncDisposable {
  readonly url: string
  /** Makes an empty database; gives its URL. */
  database(name: string): Promise<string>
}

/** What anybody gives a server of some size; the rest is as PostgreSQL has it. */
export const POSTGRES_SETTINGS = ['shared_buffers=1GB', 'max_wal_size=4GB', 'max_connections=200']

/** @param settings more of them, each as `name=value` */
export async function startPostgres(...settings: readonly string[]): Promise<Postgres> {
  const server = await startServer([...POSTGRES_SETTINGS, ...settings])
  const takeBack = atTheLatest(() => server.abandon())
  return {
    url: server.url,
    async database(name) {
      await withClient(server.url, (client) => client.query(`CREATE DATABASE ${name}`))
      return Object.assign(new URL(server.url), { pathname: `/${name}` }).href
    },
    async [Symbol.asyncDispose]() {
      takeBack()
      await server.stop()
    },
  }
}

/** A connection for as long as `action` takes. */
export async function withClient<T>(
  url: string,
  action: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    return await action(client)
  } finally {
    await client.end()
  }
}
