import type { Command } from 'commander'
import { isFinal, type RequestStatus } from '../client/index.ts'
import { type AddressOptions, connect, withAddress } from './address.ts'
import { concluding, EXIT, EXIT_CODES_HELP, type ExitCode } from './exit.ts'
import { type JsonOptions, withJson, writeJson } from './json.ts'
import { type Output, printable, write } from './output.ts'
import { summary } from './summary.ts'

/** Adds `sluice cancel`. */
export function addCancel(program: Command): void {
  const command = withAddress(program.command('cancel'))
    .description('cancel a request: nothing more of it starts; calls in flight end, and count')
    .argument('<id>', 'the request')
  withJson(command)
    .addHelpText(
      'after',
      `
Examples:
  id=$(sluice submit examples/sample.json --not-before 2099-01-01T00:00:00Z)
  sluice cancel "$id"
${EXIT_CODES_HELP}`,
    )
    .action(concluding(cancel))
}

async function cancel(id: string, options: AddressOptions & JsonOptions): Promise<ExitCode> {
  const status = await connect(options).cancel(id)
  if (options.json) await writeJson(status)
  else await write(told(status, process.stdout), process.stdout)
  return EXIT.ok
}

function told(status: RequestStatus, output: Output): string {
  if (isFinal(status)) return summary(status, output)
  return printable(status.details ?? 'Nothing more of it starts; calls in flight may still end.')
}
