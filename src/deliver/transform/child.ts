import { fork } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FromProcess } from './job.ts'

/** Far more than a job needs; one that takes more ends its process, and nothing else. */
const MEMORY_MB = 128

const ENTRY = fileURLToPath(new URL('./process.ts', import.meta.url))

const { resolve } = createRequire(import.meta.url)

/** What it loads: our own sources and JSONata, also where that is found by a link, as pnpm has it. */
const READABLE = [
  fileURLToPath(new URL('../../', import.meta.url)),
  dirname(resolve('jsonata')),
  ...(resolve.paths('jsonata') ?? []).map((folder) => join(folder, 'jsonata')),
]

const EXECUTION = [
  '--permission',
  ...READABLE.map((path) => `--allow-fs-read=${path}`),
  // For its watchdog, and given up as soon as that runs.
  '--allow-worker',
  '--disallow-code-generation-from-strings',
  `--max-old-space-size=${MEMORY_MB}`,
]

/** A transformer process, as the one that started it sees it. */
export interface Child {
  /** Hands over jobs, each as JSON text; one answer comes back for each, in the same order. */
  send(jobs: readonly string[]): void
  /** Ends it, whatever it is doing. */
  kill(): void
}

export interface ChildEvents {
  readonly onMessage: (message: FromProcess) => void
  /** It is gone, or could not be started at all; all that it said has been heard. Called once. */
  readonly onEnd: (reason: string) => void
}

/** How a transformer process is started. */
export type StartChild = (events: ChildEvents) => Child

/** Starts a transformer process. It does not keep ours alive, and does not outlive it. */
export const startChild: StartChild = ({ onMessage, onEnd }) => {
  const child = fork(ENTRY, [], {
    env: {},
    execArgv: EXECUTION,
    // Its watchdog knows by the end of its input that we are gone.
    stdio: ['pipe', 'ignore', 'ignore', 'ipc'],
  })
  const { promise: ended, resolve: end } = Promise.withResolvers<string>()
  void ended.then(onEnd)
  child.on('message', onMessage)
  child.once('error', ({ message }) => end(message))
  child.once('exit', (code, signal) => {
    const reason = `It ended with ${signal ?? `exit code ${code}`}.`
    if (child.connected) child.once('disconnect', () => end(reason))
    else end(reason)
  })
  child.unref()
  child.channel?.unref()
  return {
    send: (jobs) => {
      // Where they cannot be handed over, it is gone or about to be, and `onEnd` tells.
      child.send(jobs, () => {})
    },
    kill: () => child.kill('SIGKILL'),
  }
}
