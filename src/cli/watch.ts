import type { Command } from 'commander'
import type { RequestStatus, Sluice } from '../client/index.ts'
import { type AddressOptions, connect, withAddress } from './address.ts'
import { concluding, EXIT, EXIT_CODES_HELP, type ExitCode } from './exit.ts'
import { type JsonOptions, withJson, writeJson } from './json.ts'
import { type Output, printable, write } from './output.ts'
import { type Display, displayOn, follow } from './progress.ts'
import { summary } from './summary.ts'

/** Adds `sluice watch`. */
export function addWatch(program: Command): void {
  const command = withAddress(program.command('watch'))
    .description('show the progress of a request until it is finished')
    .argument('<id>', 'the request')
  withJson(command, 'each status as a line of JSON')
    .addHelpText(
      'after',
      `
Ctrl-C ends the watching, not the work.

Examples:
  id=$(sluice submit examples/sample.json)
  sluice watch "$id" && echo all completed
  sluice watch "$id" --json
${EXIT_CODES_HELP}`,
    )
    .action(concluding(watchCommand))
}

async function watchCommand(id: string, options: AddressOptions & JsonOptions): Promise<ExitCode> {
  const sluice = connect(options)
  return endingOf(
    await (options.json ? follow(sluice, id, JSON_LINES) : watch(sluice, id, process.stdout)),
  )
}

const JSON_LINES: Display = { show: writeJson, end() {} }

/**
 * Shows a request until it is finished, then how it went, and what to look at next.
 *
 * @returns its final status; null where Ctrl-C ended the watching
 */
export async function watch(
  sluice: Sluice,
  id: string,
  output: Output,
): Promise<RequestStatus | null> {
  const status = await follow(sluice, id, await displayOn(output))
  for (const line of lastWords(status, printable(id), output)) await write(line, output)
  return status
}

function lastWords(status: RequestStatus | null, id: string, output: Output): string[] {
  if (status === null) return [`The work goes on. Come back to it with: sluice watch ${id}`]
  return [
    summary(status, output),
    ...(status.failed_mappings > 0 ? [`See why with: sluice failures ${id}`] : []),
    ...(status.status === 'completed' ? [] : [`Try again what is left with: sluice retry ${id}`]),
  ]
}

/** How a command ends that has watched a request. */
export function endingOf(status: RequestStatus | null): ExitCode {
  if (status === null) return EXIT.interrupted
  return status.status === 'completed' ? EXIT.ok : EXIT.incomplete
}
