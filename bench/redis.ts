import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { freePort } from '../test/support/postgres.ts'
import { runCommand, scratchDirectory } from './leftovers.ts'

/** A Redis of its own. */
export interface Redis extends AsyncDisposable {
  readonly url: string
}

/** Where the binary is; null where there is none. */
export const REDIS_SERVER =
  (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((directory) => join(directory, 'redis-server'))
    .find((path) => existsSync(path)) ?? null

/** Starts it so that every write is on disk before it is answered, as in PostgreSQL. */
export async function startRedis(binary: string): Promise<Redis> {
  const directory = scratchDirectory()
  const port = await freePort()
  const child = runCommand(
    binary,
    [
      ...['--port', String(port), '--bind', '127.0.0.1', '--dir', directory.path],
      ...['--save', '', '--appendonly', 'yes', '--appendfsync', 'always'],
      ...['--maxmemory-policy', 'noeviction'],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const exited = once(child, 'exit')
  if (child.stdout === null) throw new Error('its output is piped')
  const log = createInterface(child.stdout)
  await new Promise<void>((resolve, reject) => {
    log.on('line', (line) => {
      if (line.includes('Ready to accept connections')) resolve()
    })
    log.once('close', () => reject(new Error('Redis did not start.')))
  })
  return {
    url: `redis://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await exited
      directory[Symbol.dispose]()
    },
  }
}
