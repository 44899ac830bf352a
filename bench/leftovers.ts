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

/** A directory of its own on this machine's disk, removed with all that is in it. */
export function scratchDirectory(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
  const remove = () => rmSync(path, { recursive: true, force: true, maxRetries: 3 })
  undo.add(remove)
  return {
    path,
    [Symbol.dispose]() {
      undo.delete(remove)
      remove()
    },
  }
}

/** Runs a file with the Node that runs this one; killed at the latest when this process ends. */
export function run(file: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  const child = spawn(process.execPath, [file, ...args], options)
  const kill = () => child.kill('SIGKILL')
  undo.add(kill)
  child.once('exit', () => undo.delete(kill))
  return child
}
