import type { Command } from 'commander'
import { environment } from '../config/environment.ts'
import { readSettings } from '../config/settings.ts'
import { grouped } from '../core/quantity.ts'
import { createBar } from './bar.ts'
import { complain } from './complain.ts'
import { concluding, EXIT, EXIT_CODES_HELP, type ExitCode } from './exit.ts'
import { type JsonOptions, withJson, writeJson } from './json.ts'
import { counted } from './numbers.ts'
import { type Output, write } from './output.ts'
import { flagsOf, withSettings } from './settings.ts'

interface MoveOptions extends JsonOptions {
  readonly to?: string
}

/** Adds `sluice move`. */
export function addMove(program: Command): void {
  const command = withSettings(program.command('move'), ['--data-dir'])
    .description('copy the embedded store into an empty PostgreSQL, and check the copy')
    .option('--to <url>', 'the PostgreSQL; DATABASE_URL if not given')
  withJson(command)
    .addHelpText(
      'after',
      `
Stop Sluice first. All of it is copied and checked in one transaction: if it is
interrupted, PostgreSQL is left as it was. The embedded store does not change;
do not start Sluice on it again.

Examples:
  sluice move --to postgres://sluice@db.example.com/sluice
  DATABASE_URL=postgres://… sluice move --data-dir data
${EXIT_CODES_HELP}`,
    )
    .action(concluding(move))
}

async function move({ to, json }: MoveOptions, command: Command): Promise<ExitCode> {
  const target = to === undefined ? {} : { 'database-url': to }
  const read = readSettings(environment(), { ...flagsOf(command), ...target })
  if (!read.ok) {
    const problems = read.problems.join('\n')
    return complain(
      to === undefined ? problems : problems.replace('--database-url', '--to'),
      EXIT.misuse,
    )
  }
  const { dataDir, databaseUrl } = read.settings
  if (databaseUrl === null)
    return complain('Say which PostgreSQL to copy to, with --to or DATABASE_URL.', EXIT.misuse)
  const { moveStore } = await import('../administration.ts')
  const display = await openDisplay(process.stderr)
  const moved = await moveStore(dataDir, databaseUrl, ({ done, total }) => {
    display.show(done, total)
  }).finally(display.end)
  if (!moved.ok) return complain(moved.problem, EXIT.unavailable)
  const { requests, batches, mappings } = moved
  if (json) {
    await writeJson({ requests, batches, mappings })
    return EXIT.ok
  }
  await write(
    `Moved and checked: ${counted(requests, 'request')}, ${counted(mappings, 'mapping')} in ` +
      `${grouped(batches)} batches.\nFrom now on start Sluice with DATABASE_URL. ${dataDir} is as ` +
      'it was: start nothing on it again, or its work is done twice.',
    process.stdout,
  )
  return EXIT.ok
}

/** Shows how far it has come: a bar on a terminal, and nothing elsewhere. */
async function openDisplay(output: Output) {
  if (!output.isTTY) return { show: () => {}, end: () => {} }
  const bar = await createBar(
    output,
    '{bar} {percentage}%  {value}/{total} rows copied and checked',
  )
  bar.start(1, 0)
  return {
    show(done: number, total: number) {
      bar.setTotal(total)
      bar.update(done)
    },
    end: () => bar.stop(),
  }
}
