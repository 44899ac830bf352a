import type { Command } from 'commander'
import type { Sluice } from '../client/index.ts'
import { type AddressOptions, connect, withAddress } from './address.ts'
import { concluding, EXIT, EXIT_CODES_HELP, type ExitCode } from './exit.ts'
import { type Output, write } from './output.ts'
import { follow } from './progress.ts'
import { summary } from './summary.ts'

/** Adds `sluice watch`. */
export function addWatch(program: Command): void {
  withAddress(program.command('watch'))
    .description('show the progress of a request until it is finished')
    .argument('<id>', 'the request')
    .addHelpText(
      'after',
      `
Examples:
  sluice watch 01980f6c-7e2a-7c31-9d5b-0a4f6e1b2c3d
  sluice watch "$(sluice submit examples/sample.json)" && echo all completed
${EXIT_CODES_HELP}`,
    )
    .action(
      concluding((id: string, options: AddressOptions) =>
        watch(connect(options), id, process.stdout),
      ),
    )
}

/** Shows a request until it is finished, then how it went, and what to look at next. */
export async function watch(sluice: Sluice, id: string, output: Output): Promise<ExitCode> {
  const status = await follow(sluice, id, output)
  if (status === null) {
    await write(`The work goes on. Come back to it with: sluice watch ${id}`, output)
    return EXIT.interrupted
  }
  await write(summary(status, output), output)
  if (status.status === 'completed') return EXIT.ok
  await write(`See why with: sluice results ${id} --status ${status.status}`, output)
  return EXIT.incomplete
}
