import type { Command } from 'commander'
import type { App } from '../app.ts'
import { environment } from '../config/environment.ts'
import { readSettings } from '../config/settings.ts'
import { concluding, EXIT, EXIT_CODES_HELP, type ExitCode } from './exit.ts'
import { complain, styled } from './output.ts'
import { flagsOf, withSettings } from './settings.ts'
import { start } from './start.ts'

/** Adds `sluice serve`. */
export function addServe(program: Command): void {
  withSettings(program.command('serve'))
    .description('run the service until it is told to stop')
    .addHelpText(
      'after',
      `
Every option is a setting, and can be given in the environment variable that is named with it.
The first SIGTERM or Ctrl-C lets calls in flight end; the second stops at once.

Examples:
  sluice serve
  sluice serve --port 9000 --data-dir /var/lib/sluice
  PORT=9000 SLUICE_SYSTEMS_FILE=systems.yaml sluice serve
${EXIT_CODES_HELP}`,
    )
    .action(concluding(serve))
}

async function serve(_: unknown, command: Command): Promise<ExitCode> {
  const read = readSettings(environment(), flagsOf(command))
  if (!read.ok) return complain(read.problems.join('\n'), EXIT.misuse)
  const started = await start(read.settings)
  if (!started.ok) return started.code
  const { app } = started
  if (process.stderr.isTTY) welcome(app)
  stopOnSignals(app)
  try {
    await app.done
    return EXIT.ok
  } catch (error) {
    // A part of it is lost, so it cannot be stopped in order. What was accepted is on disk.
    const reason = error instanceof Error ? error.message : String(error)
    process.exit(complain(`Sluice could not go on: ${reason}`, EXIT.unavailable))
  }
}

function welcome({ url, mode }: App): void {
  const output = process.stderr
  const lines = [
    '',
    `  ${styled('bold', 'Sluice', output)} answers at ${styled('green', url, output)}`,
    `  Try it out at ${url}/docs`,
    ...(mode === 'demo'
      ? ['  Without a systems file every name is a simulated system: nothing leaves this machine.']
      : []),
    `  ${styled('dim', 'Stop it with Ctrl-C.', output)}`,
    '',
  ]
  output.write(`${lines.join('\n')}\n`)
}

function stopOnSignals(app: App): void {
  let told = false
  const stop = () => {
    if (told) process.exit(1)
    told = true
    if (process.stderr.isTTY) process.stderr.write('\nStopping. Ctrl-C again stops at once.\n')
    void app.stop()
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}
