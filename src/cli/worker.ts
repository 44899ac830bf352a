import type { Command } from 'commander'
import { describeSettings } from '../config/settings.ts'
import { concluding, EXIT_CODES_HELP, type ExitCode } from './exit.ts'
import { run } from './instance.ts'
import { flagsOf, withSettings } from './settings.ts'

/** Settings that say nothing to a worker. */
const OF_THE_API = ['--role', '--port', '--data-dir']

/** Adds `sluice worker`. */
export function addWorker(program: Command): void {
  const flags = describeSettings({}, {}).map(({ flag }) => flag)
  withSettings(
    program.command('worker'),
    flags.filter((flag) => !OF_THE_API.includes(flag)),
  )
    .description('carry out requests that others take, around one PostgreSQL: serve --role worker')
    .addHelpText(
      'after',
      `
DATABASE_URL says which. It opens no port, unless SLUICE_HEALTH_PORT names one
for those who watch over it.

Examples:
  sluice worker
  sluice worker --workers 4 --health-port 8001
${EXIT_CODES_HELP}`,
    )
    .action(concluding(worker))
}

function worker(_: unknown, command: Command): Promise<ExitCode> {
  return run({ ...flagsOf(command), role: 'worker' })
}
