import { type Command, Option } from 'commander'
import { MAPPING_STATES, type MappingState, type Result } from '../client/index.ts'
import { type AddressOptions, connect, withAddress } from './address.ts'
import { concluding, EXIT, EXIT_CODES_HELP, type ExitCode } from './exit.ts'
import { grouped, wholeNumber } from './numbers.ts'
import { printable, write } from './output.ts'
import { resultsTable } from './table.ts'

interface ResultsOptions extends AddressOptions {
  readonly format: 'table' | 'json' | 'ndjson'
  readonly status?: MappingState
  readonly limit?: number
}

/** A table is laid out whole before it is shown, so it needs an end. */
const TABLE_ROWS = 100

/** Adds `sluice results`. */
export function addResults(program: Command): void {
  withAddress(program.command('results'))
    .description('show what became of each mapping of a request, in the order they were submitted')
    .argument('<id>', 'the request')
    .addOption(
      new Option('-f, --format <format>', 'how to write them')
        .choices(['table', 'json', 'ndjson'])
        .default('table'),
    )
    .addOption(
      new Option('-s, --status <status>', 'only mappings that are').choices(MAPPING_STATES),
    )
    .option(
      '-n, --limit <count>',
      `at most so many (default: ${TABLE_ROWS} in a table, else all)`,
      wholeNumber,
    )
    .addHelpText(
      'after',
      `
Examples:
  sluice results 01980f6c-7e2a-7c31-9d5b-0a4f6e1b2c3d
  sluice results 01980f6c-7e2a-7c31-9d5b-0a4f6e1b2c3d --status failed --limit 20
  sluice results 01980f6c-7e2a-7c31-9d5b-0a4f6e1b2c3d --format ndjson > results.ndjson
${EXIT_CODES_HELP}`,
    )
    .action(concluding(results))
}

async function results(id: string, options: ResultsOptions): Promise<ExitCode> {
  const { format, status } = options
  const sluice = connect(options)
  if (format === 'table') {
    const { limit = TABLE_ROWS } = options
    await writeTable(sluice.results(id, { status, limit: limit + 1 }), limit)
    return EXIT.ok
  }
  const found = sluice.results(id, { status, limit: options.limit })
  await (format === 'json' ? writeJson(found) : writeLines(found))
  return EXIT.ok
}

/** @param found one more than `limit`, where there are more */
async function writeTable(found: AsyncIterable<Result>, limit: number): Promise<void> {
  const rows: Result[] = []
  for await (const result of found) rows.push(result)
  await write(await resultsTable(rows.slice(0, limit), process.stdout), process.stdout)
  if (rows.length <= limit) return
  const advice = 'Show more with --limit, or all of them with --format ndjson.'
  await write(`These are the first ${grouped(limit)}. ${advice}`, process.stderr)
}

async function writeLines(found: AsyncIterable<Result>): Promise<void> {
  for await (const result of found) await write(asJson(result), process.stdout)
}

async function writeJson(found: AsyncIterable<Result>): Promise<void> {
  await write('[', process.stdout)
  let lead = ' '
  for await (const result of found) {
    await write(lead + asJson(result), process.stdout)
    lead = ','
  }
  await write(']', process.stdout)
}

function asJson(result: Result): string {
  return printable(JSON.stringify(result))
}
