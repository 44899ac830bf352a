import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** An instance of Sluice that runs. */
export interface RunningSluice {
  readonly url: string
  /** Ends it, and forgets what it stored. */
  stop(): Promise<void>
}

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))

/**
 * Starts Sluice with a systems file, on any free port and with a store of its own.
 *
 * @param env what the systems file refers to
 */
export async function startSluice(
  systemsFile: string,
  env: Readonly<Record<string, string>>,
): Promise<RunningSluice> {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-example-'))
  const child = spawn(process.execPath, [MAIN, 'serve', '--port', '0'], {
    env: { ...env, SLUICE_SYSTEMS_FILE: systemsFile, SLUICE_DATA_DIR: join(directory, 'data') },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  return {
    url: await startedAt(child),
    async stop() {
      child.kill('SIGTERM')
      await ended
      await rm(directory, { recursive: true })
    },
  }
}

/** The address that the log tells. */
async function startedAt(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('the log cannot be read')
  for await (const line of createInterface(child.stdout)) {
    const { msg, url }: { msg?: string; url?: string } = JSON.parse(line)
    if (msg === 'started' && url !== undefined) {
      child.stdout.resume()
      return url
    }
  }
  throw new Error('Sluice did not start')
}
