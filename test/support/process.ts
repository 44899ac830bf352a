/** The real service, as a process of its own. Whatever a test starts here is gone when it is over. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))

/** The command that runs the service, for tests that put something around it. */
export const SERVE: readonly string[] = [process.execPath, MAIN, 'serve']

/** The command that runs a worker of its own. */
export const WORKER: readonly string[] = [process.execPath, MAIN, 'worker']

/** One line of the service's log. */
interface LogLine {
  readonly msg: string
  readonly [field: string]: unknown
}

interface Ended {
  /** Null where a signal ended it. */
  readonly code: number | null
  readonly stderr: string
}

interface ServiceOptions {
  /** Where it runs: its systems file is there, and its data directory is `data` in it. */
  readonly directory: string
  readonly env?: Readonly<Record<string, string>>
  /** In place of `SERVE`. */
  readonly command?: readonly string[]
}

/** A process that runs the service, or is about to. */
export class Service {
  /** Resolves when it has ended and all it wrote was read. */
  readonly ended: Promise<Ended>
  /** What it has logged so far. */
  readonly lines: LogLine[] = []
  readonly #child: ChildProcess
  readonly #waiting = new Map<string, PromiseWithResolvers<LogLine>>()

  /** Starts it on any free port, with nothing in its environment but `env`. */
  constructor({ directory, env = {}, command = SERVE }: ServiceOptions) {
    const [file = '', ...args] = command
    const child = spawn(file, args, {
      cwd: directory,
      env: { PORT: '0', PATH: process.env['PATH'], ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    const log = createInterface(child.stdout)
    log.on('line', (line) => this.#note(JSON.parse(line)))
    this.ended = Promise.all([once(child, 'close'), text(child.stderr), once(log, 'close')]).then(
      ([, stderr]) => this.#end(stderr),
    )
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error('the process could not be started')
    return this.#child.pid
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Resolves with the first line that says so, past or to come; rejects if it ends without one. */
  logged(message: string): Promise<LogLine> {
    const line = this.lines.find(({ msg }) => msg === message)
    if (line !== undefined) return Promise.resolve(line)
    const known = this.#waiting.get(message) ?? Promise.withResolvers<LogLine>()
    this.#waiting.set(message, known)
    return known.promise
  }

  /** Resolves with its URL when it answers. */
  async started(): Promise<string> {
    return String((await this.logged('started'))['url'])
  }

  #note(line: LogLine): void {
    this.lines.push(line)
    this.#waiting.get(line.msg)?.resolve(line)
    this.#waiting.delete(line.msg)
  }

  #end(stderr: string): Ended {
    for (const [message, { reject }] of this.#waiting) {
      reject(new Error(`the service ended before it logged "${message}": ${stderr}`))
    }
    return { code: this.#child.exitCode, stderr }
  }
}

/** Starts the service; it is killed, if it still runs, when the test is over. */
export function startService(options: ServiceOptions): Service {
  const service = new Service(options)
  onTestFinished(async () => {
    service.kill('SIGKILL')
    await service.ended
  })
  return service
}

/** A directory that is gone when the test is over. */
export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-fault-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  return directory
}

/** Writes a systems file into the directory in which the service looks for it. */
export async function writeSystems(directory: string, systems: object): Promise<void> {
  // JSON is YAML too.
  await writeFile(join(directory, 'systems.yaml'), JSON.stringify({ systems }))
}
