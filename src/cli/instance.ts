import type { App } from '../app.ts'
import { environment } from '../config/environment.ts'
import { readSettings, type Texts } from '../config/settings.ts'
import { complain } from './complain.ts'
import { EXIT, type ExitCode } from './exit.ts'
import { type Output, styled } from './output.ts'
import { onSignals } from './signals.ts'
import { start } from './start.ts'

/** Runs an instance of the service in this process until it is told to stop. */
export async function run(flags: Texts): Promise<ExitCode> {
  const read = readSettings(environment(), flags)
  if (!read.ok) return complain(read.problems.join('\n'), EXIT.misuse)
  const stopWhenTold = listenForSignals()
  const started = await start(read.settings)
  if (!started.ok) return started.code
  const { app } = started
  if (process.stderr.isTTY) welcome(app, process.stderr)
  stopWhenTold(app)
  try {
    await app.done
    return EXIT.ok
  } catch (error) {
    // A part of it is lost, so it cannot be stopped in order. What was accepted is on disk.
    const reason = error instanceof Error ? error.message : String(error)
    process.exit(complain(`Sluice could not go on: ${reason}`, EXIT.unavailable))
  }
}

function welcome({ url, role, mode }: App, output: Output): void {
  const name = styled('bold', role === 'worker' ? 'A worker of Sluice' : 'Sluice', output)
  const place = url === null ? 'runs' : `answers at ${styled('green', url, output)}`
  const lines = [
    '',
    `  ${name} ${place}`,
    ...(role === 'worker' ? [] : [`  Try it out at ${url}/docs`]),
    ...(mode === 'demo'
      ? ['  Without a systems file every name is a simulated system: nothing leaves this machine.']
      : []),
    `  ${styled('dim', 'Stop it with Ctrl-C.', output)}`,
    '',
  ]
  output.write(`${lines.join('\n')}\n`)
}

/** Listens before anything runs: a signal that comes while an instance starts counts as well. */
function listenForSignals(): (app: App) => void {
  const told = Promise.withResolvers<void>()
  let isTold = false
  onSignals(['SIGTERM', 'SIGINT'], () => {
    if (isTold) process.exit(1)
    isTold = true
    if (process.stderr.isTTY) process.stderr.write('\nStopping. Ctrl-C again stops at once.\n')
    told.resolve()
  })
  return (app) => void told.promise.then(() => app.stop())
}
