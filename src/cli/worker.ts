import type { Command } from 'commander'
import { describeSettings } from '../config/settings.ts'
import { concluding, EXIT_CODES_HELP, type ExitCode } from './exit.ts'
import { run } from './instance.ts'
import { flagsOf, withSettings } from './settings.ts'

/** Settings of those who take requests, and of the embedded store: they say nothing to a worker. */
const OF_OTHERS = [
  ...['--role', '--port', '--data-dir', '--allow-anonymous'],
  ...['--max-streams', '--max-downloads', '--max-uploads', '--max-backlog'],
  ...['--max-body', '--max-mappings', '--max-stream', '--max-stream-mappings', '--batch-size'],
]

/** Adds `sluice worker`. */
export function addWorker(program: Command): void {
  const flags = describeSettings({}, {}).map(({ flag }) => flag)
  withSettings(
    program.command('worker'),
    flags.filter((flag) => !OF_OTHERS.includes(flag)),
  )
    .description('carry out requests that other processes take; the same as serve --role worker')
    .addHelpText(
      'after',
      `
It needs the PostgreSQL that all processes share (DATABASE_URL). It listens on
no port, unless SLUICE_HEALTH_PORT names one for health checks.

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
