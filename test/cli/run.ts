import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

/** The executable. */
export const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  /** What it reads from the standard input. */
  readonly input?: string
  /** Where it runs; here unless told. */
  readonly directory?: string
}

/** A command that hangs is ended, and fails its test: its exit code is null then. */
const DEADLINE_MS = 30_000

/** Runs the real command in a process of its own, with nothing in its environment but `env`. */
export async function sluice(
  args: readonly string[],
  { env = {}, input = '', directory }: RunOptions = {},
): Promise<Ran> {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: directory,
    env,
    timeout: DEADLINE_MS,
    killSignal: 'SIGKILL',
  })
  child.stdin.end(input)
  const [stdout, stderr] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ])
  return { code: child.exitCode, stdout, stderr }
}
