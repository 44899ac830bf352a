import type { Command } from 'commander'
import { type AddressOptions, connect, withAddress } from './address.ts'
import { concluding, EXIT_CODES_HELP, type ExitCode } from './exit.ts'
import { withJson } from './json.ts'
import { conclude, type ReceiptOptions, withReceipt } from './receipt.ts'

interface RetryOptions extends AddressOptions, ReceiptOptions {
  readonly code?: string
  readonly target?: string
}

/** Adds `sluice retry`. */
export function addRetry(program: Command): void {
  const command = withAddress(program.command('retry'))
    .description(
      'try again the mappings of a request that failed or were cancelled; writes the id of the new request to stdout',
    )
    .argument('<id>', 'the request; it must be finished')
    .option('--code <code>', 'only what failed with this code')
    .option('--target <system>', 'only what failed at this target')
  withJson(withReceipt(command))
    .addHelpText(
      'after',
      `
Examples:
  id=$(sluice submit examples/sample.json --wait)
  sluice failures "$id"
  sluice retry "$id"
  sluice retry "$id" --code target_unavailable --target billing --wait
${EXIT_CODES_HELP}`,
    )
    .action(concluding(retry))
}

function retry(id: string, options: RetryOptions): Promise<ExitCode> {
  const { code, target } = options
  const sluice = connect(options)
  return conclude(sluice, options, (idempotencyKey) =>
    sluice.retry(id, { code, target, idempotencyKey }),
  )
}
