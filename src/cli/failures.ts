import type { Command } from 'commander'
import type { FailureGroup } from '../client/index.ts'
import { grouped } from '../core/quantity.ts'
import { type AddressOptions, connect, withAddress } from './address.ts'
import { concluding, EXIT, EXIT_CODES_HELP, type ExitCode } from './exit.ts'
import { type JsonOptions, withJson, writeJson } from './json.ts'
import { printable, write } from './output.ts'
import { cut, tableOf } from './table.ts'

/** Adds `sluice failures`. */
export function addFailures(program: Command): void {
  const command = withAddress(program.command('failures'))
    .description('show why mappings of a request failed, in groups, the largest first')
    .argument('<id>', 'the request')
  withJson(command)
    .addHelpText(
      'after',
      `
Examples:
  id=$(sluice submit examples/sample.json --wait)
  sluice failures "$id"
  sluice failures "$id" --json
${EXIT_CODES_HELP}`,
    )
    .action(concluding(failures))
}

async function failures(id: string, options: AddressOptions & JsonOptions): Promise<ExitCode> {
  const groups = await connect(options).failures(id)
  if (options.json) {
    await writeJson(groups)
  } else if (groups.length === 0) {
    await write('Nothing has failed.', process.stdout)
  } else {
    await write(await tableOf(COLUMNS, groups.map(row), process.stdout), process.stdout)
    const advice = `sluice retry ${printable(id)} --code … --target …`
    await write(`Try a group again with: ${advice}`, process.stderr)
  }
  return EXIT.ok
}

const COLUMNS = {
  count: 'right',
  target: 'left',
  code: 'left',
  http: 'right',
  'for example': 'left',
  message: 'left',
} as const

const NAME_MAX = 40
const MESSAGE_MAX = 80

function row({ count, target, code, http_status, sample_mapping_id, message }: FailureGroup) {
  return [
    grouped(count),
    cut(target ?? 'several', NAME_MAX),
    cut(code, NAME_MAX),
    http_status === null ? '' : String(http_status),
    cut(sample_mapping_id, NAME_MAX),
    cut(message, MESSAGE_MAX),
  ]
}
