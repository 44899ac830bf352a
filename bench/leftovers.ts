/** What must be gone when the benches end, however they end: processes, directories. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const undo = new Set<() => void>()

// Runs after an error and after Ctrl-C as well; the latest first, for servers use directories.
process.on('exit', () => {
  for (const action of [...undo].reverse()) action()
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))

/** Runs when the benches end, unless it is taken back before: call what this gives. */
export function atTheLatest(action: () => void): () => void {
  undo.add(action)
  return () => undo.delete(action)
}

/** A directory of its own on this machine's disk, removed with all that is in it. */
export function scratchDirectory(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
  const remove = () => rmSync(path, { recursive: true, force: true, maxRetries: 3 })
  const takeBack = atTheLatest(remove)
  return {
    path,
    [Symbol.dispose]() {
      takeBack()
      remove()
    },
  }
}

/** Runs a file with the Node that runs this one; killed at the latest when this process ends. */
export function run(file: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  return runCommand(process.execPath, [file, ...args], options)
}

/** The same for any command. */
export function runCommand(
  command: string,
  args: readonly string[],
  options: SpawnOptions,
): ChildProcess {
  const child = spawn(command, args, options)
  child.once(
    'exit',
    atTheLatest(() => child.kill('SIGKILL')),
  )
  return child
}
