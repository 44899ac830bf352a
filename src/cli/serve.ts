import type { Command } from 'commander'
import { concluding, EXIT_CODES_HELP, type ExitCode } from './exit.ts'
import { run } from './instance.ts'
import { flagsOf, withSettings } from './settings.ts'

/** Adds `sluice serve`. */
export function addServe(program: Command): void {
  withSettings(program.command('serve'))
    .description('run the service until it is told to stop')
    .addHelpText(
      'after',
      `
Every option is a setting, and can be given in the environment variable that is
named with it. The first SIGTERM or Ctrl-C lets calls in flight end; the second
stops at once.

Examples:
  sluice serve
  sluice serve --port 9000 --data-dir sluice-data
  DATABASE_URL=postgres://… sluice serve --role api
  PORT=9000 SLUICE_SYSTEMS_FILE=examples/systems.yaml sluice serve
${EXIT_CODES_HELP}`,
    )
    .action(concluding(serve))
}

function serve(_: unknown, command: Command): Promise<ExitCode> {
  return run(flagsOf(command))
}
