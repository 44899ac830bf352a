import { type Command, Option } from 'commander'
import { MAPPING_STATES, type MappingState, type Result, type Sluice } from '../client/index.ts'
import { grouped } from '../core/quantity.ts'
import { type AddressOptions, connect, withAddress } from './address.ts'
import { complain } from './complain.ts'
import { concluding, EXIT, EXIT_CODES_HELP, type ExitCode } from './exit.ts'
import { interruptible } from './interrupt.ts'
import { type JsonOptions, withJson } from './json.ts'
import { wholeNumber } from './numbers.ts'
import { write, writeLines } from './output.ts'
import { resultsTable } from './results-table.ts'
import { writeWhole } from './whole-file.ts'

const FORMATS = ['table', 'ndjson', 'csv'] as const
type Format = (typeof FORMATS)[number]

interface ResultsOptions extends AddressOptions, JsonOptions {
  readonly format?: Format
  readonly status?: MappingState
  readonly limit?: number
  readonly out?: string
}

/** A table is laid out whole before it is shown, so it needs an end. */
const TABLE_ROWS = 100

/** Adds `sluice results`. */
export function addResults(program: Command): void {
  const command = withAddress(program.command('results'))
    .description('show the result of each mapping of a request, in the order they were submitted')
    .argument('<id>', 'the request')
    .addOption(
      new Option(
        '-f, --format <format>',
        'output format (default: by the name of the file, else a table)',
      ).choices(FORMATS),
    )
    .addOption(
      new Option('-s, --status <status>', 'only mappings with this status').choices(MAPPING_STATES),
    )
    .option(
      '-n, --limit <count>',
      `show at most this many (default: ${TABLE_ROWS} in a table, else all)`,
      wholeNumber,
    )
    .option('-o, --out <file>', 'write them to a file; it appears only when it is complete')
  withJson(command, 'the same as --format ndjson')
    .addHelpText(
      'after',
      `
With --status failed, NDJSON and CSV hold the mappings as they were submitted,
each with its error: mend them, and submit the file.

Examples:
  id=$(sluice submit examples/sample.json --wait)
  sluice results "$id"
  sluice results "$id" --status failed --limit 20
  sluice results "$id" --format ndjson | head -n 1
  sluice results "$id" --status failed --out failed.csv
  sed -i s/billing/crm/ failed.csv
  sluice submit failed.csv --retry-of "$id" --wait
${EXIT_CODES_HELP}`,
    )
    .action(concluding(results))
}

async function results(id: string, options: ResultsOptions): Promise<ExitCode> {
  const { status, out, limit } = options
  const format = formatOf(options)
  const sluice = connect(options)
  if (format === 'table') {
    if (out !== undefined) return complain('Give --format ndjson or csv with --out.', EXIT.misuse)
    return showTable(sluice, id, status, limit ?? TABLE_ROWS)
  }
  const ended = await interruptible(async (signal) => {
    const lines = await sluice.exportResults(id, { format, status, limit, signal })
    await (out === undefined ? writeLines(lines, format, process.stdout) : writeWhole(out, lines))
    return EXIT.ok
  })
  return ended ?? EXIT.interrupted
}

function formatOf({ json, format, out = '' }: ResultsOptions): Format {
  if (json) return 'ndjson'
  if (format !== undefined) return format
  if (/\.(?:ndjson|jsonl)$/i.test(out)) return 'ndjson'
  return /\.csv$/i.test(out) ? 'csv' : 'table'
}

async function showTable(
  sluice: Sluice,
  id: string,
  status: MappingState | undefined,
  limit: number,
): Promise<ExitCode> {
  const rows: Result[] = []
  for await (const result of sluice.results(id, { status, limit: limit + 1 })) rows.push(result)
  await write(await resultsTable(rows.slice(0, limit), process.stdout), process.stdout)
  if (rows.length <= limit) return EXIT.ok
  const advice = 'Show more with --limit, or all of them with --format ndjson.'
  await write(`These are the first ${grouped(limit)}. ${advice}`, process.stderr)
  return EXIT.ok
}
