import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from '../test/support/postgres.ts'
import { Api } from './api.ts'
import { run, scratchDirectory } from './leftovers.ts'

/** The real server in a process of its own, with a fresh store unless it is told of another. */
export interface Server extends AsyncDisposable {
  readonly url: string
  readonly pid: number
  readonly api: Api
  /** From its start to its first answer. */
  readonly startMs: number
}

/** Environment variables. */
export type Settings = Readonly<Record<string, string>>

const MAIN = fileURLToPath(new URL('../src/cli/main.js', import.meta.url))
const START_MS_MAX = 30_000
const POLL_MS = 5

/** Starts `sluice serve` with these settings beside the defaults; resolves at its first answer. */
export function startServer(settings: Settings = {}): Promise<Server> {
  return start('serve', 'PORT', settings)
}

/** Starts `sluice worker`; resolves when it says that it is alive. */
export function startWorker(settings: Settings): Promise<Server> {
  return start('worker', 'SLUICE_HEALTH_PORT', settings)
}

async function start(command: string, portSetting: string, settings: Settings): Promise<Server> {
  const directory = scratchDirectory()
  const log = openSync(join(directory.path, 'log'), 'w')
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const startedAt = performance.now()
  const child = run(MAIN, [command], {
    // No systems file lies there, and nothing of the caller's environment has a say.
    cwd: directory.path,
    env: { PATH: process.env['PATH'], [portSetting]: String(port), ...settings },
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
