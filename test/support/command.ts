/** Servers that the machine may have: what needs them is skipped, and says so, where it has not. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** The path of a command; null where the machine does not have it. */
export function findCommand(name: string): string | null {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return folders.map((folder) => join(folder, name)).find(isExecutable) ?? null
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** A title that says why the tests under it are skipped. */
export function needing(command: string, title: string): string {
  return findCommand(command) === null ? `${title} (skipped: no ${command} on the PATH)` : title
}

/** Starts a command; resolves when it has written `sign`. It is to be ended with `end`. */
export async function startCommand(
  command: string,
  args: readonly string[],
  sign: string,
  env: Readonly<Record<string, string>> = {},
): Promise<ChildProcess> {
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], ...env },
  })
  let told = ''
  await new Promise<void>((resolve, reject) => {
    const hear = (chunk: Buffer) => {
      told += chunk
      if (told.includes(sign)) resolve()
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    child.once('error', reject)
    child.once('exit', () => reject(new Error(`${command} ended: ${told}`)))
  })
  return child
}

/** Ends a process that was started here. */
export async function end(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill(signal)
  await once(child, 'exit')
}
