import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Api } from './api.ts'
import { run, scratchDirectory } from './leftovers.ts'

/** The real server in a process of its own, with a fresh store. */
export interface Server extends AsyncDisposable {
  readonly url: string
  readonly pid: number
  readonly api: Api
  /** From its start to its first answer. */
  readonly startMs: number
}

const MAIN = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))
const START_MS_MAX = 30_000
const POLL_MS = 5

/** Starts `sluice serve` with these settings beside the defaults; resolves at its first answer. */
export async function startServer(
  settings: Readonly<Record<string, string>> = {},
): Promise<Server> {
  const directory = scratchDirectory()
  const log = openSync(join(directory.path, 'log'), 'w')
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const startedAt = performance.now()
  const child = run(MAIN, ['serve'], {
    // No systems file lies there, and nothing of the caller's environment has a say.
    cwd: directory.path,
    env: { PATH: process.env['PATH'], PORT: String(port), ...settings },
    stdio: ['ignore', log, 'inherit'],
  })
  closeSync(log)
  const exited = once(child, 'exit')
  const api = new Api(url)
  while (!(await api.isLive())) {
    const late = performance.now() - startedAt > START_MS_MAX
    if (late || child.exitCode !== null) throw new Error('The server did not start.')
    await setTimeout(POLL_MS)
  }
  const startMs = performance.now() - startedAt
  return {
    url,
    pid: child.pid ?? 0,
    api,
    startMs,
    async [Symbol.asyncDispose]() {
      await api.close()
      // Nothing is kept of it, so it need not drain.
      child.kill('SIGKILL')
      await exited
      directory[Symbol.dispose]()
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('There is no free port.')
  return address.port
}
