/** A real pooler before a PostgreSQL, where the machine has PgBouncer. It listens on loopback only. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { end, startCommand } from './command.ts'
import { freePort, type PostgresServer } from './postgres.ts'

/** A pooler that runs. */
export interface Pooler {
  readonly url: string
  stop(): Promise<void>
}

/** It does not run as root. */
const AS_NOBODY = process.getuid?.() === 0 ? ['-u', 'nobody'] : []

/** Starts one that lends a session of the server to one transaction after another, of whichever client. */
export async function startPooler(
  command: string,
  { port, user, password }: PostgresServer,
): Promise<Pooler> {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-pgbouncer-'))
  const own = await freePort()
  const config = join(directory, 'pgbouncer.ini')
  await writeFile(
    config,
    [
      '[databases]',
      `postgres = host=127.0.0.1 port=${port} user=${user} password=${password}`,
      '[pgbouncer]',
      'listen_addr = 127.0.0.1',
      `listen_port = ${own}`,
      'unix_socket_dir =',
      'auth_type = any',
      'pool_mode = transaction',
      'default_pool_size = 3',
      '',
    ].join('\n'),
  )
  const server = await startCommand(command, [...AS_NOBODY, config], 'process up')
  return {
    url: `postgres://${user}@127.0.0.1:${own}/postgres`,
    async stop() {
      await end(server)
      await rm(directory, { recursive: true, force: true })
    },
  }
}
