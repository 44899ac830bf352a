import { type Command, Option } from 'commander'
import {
  PRIORITIES,
  type Priority,
  REQUEST_STATES,
  type RequestState,
  type RequestStatus,
  type RequestsFilter,
} from '../client/index.ts'
import { grouped } from '../core/quantity.ts'
import { type AddressOptions, connect, withAddress } from './address.ts'
import { concluding, EXIT, EXIT_CODES_HELP, type ExitCode } from './exit.ts'
import { type JsonOptions, withJson, writeJson } from './json.ts'
import { wholeNumber } from './numbers.ts'
import { type Output, printable, type Style, styled, write } from './output.ts'
import { tableOf } from './table.ts'

interface RequestsOptions extends AddressOptions, JsonOptions {
  readonly status?: RequestState
  readonly priority?: Priority
  readonly createdAfter?: string
  readonly limit?: number
}

/** Nobody reads further down. */
const TABLE_ROWS = 20

/** Adds `sluice requests`. */
export function addRequests(program: Command): void {
  const command = withAddress(program.command('requests'))
    .description('list requests, newest first')
    .addOption(
      new Option('-s, --status <status>', 'only requests with this status').choices(REQUEST_STATES),
    )
    .addOption(
      new Option('-p, --priority <priority>', 'only requests of this priority').choices(PRIORITIES),
    )
    .option('--created-after <time>', 'only requests created since, such as 2026-01-31T09:30:00Z')
    .option(
      '-n, --limit <count>',
      `show at most this many (default: ${TABLE_ROWS} in a table, else all)`,
      wholeNumber,
    )
  withJson(command, 'each as a line of JSON')
    .addHelpText(
      'after',
      `
Examples:
  sluice requests
  sluice requests --status failed --priority HIGH --limit 5
  sluice requests --created-after 2026-01-31T09:30:00Z --json
${EXIT_CODES_HELP}`,
    )
    .action(concluding(requests))
}

async function requests(options: RequestsOptions): Promise<ExitCode> {
  const { json, limit, status, priority, createdAfter } = options
  const sluice = connect(options)
  const filter: RequestsFilter = { status, priority, createdAfter }
  if (json) {
    for await (const request of sluice.requests({ ...filter, limit })) await writeJson(request)
    return EXIT.ok
  }
  const found: RequestStatus[] = []
  for await (const request of sluice.requests({ ...filter, limit: limit ?? TABLE_ROWS })) {
    found.push(request)
  }
  if (found.length === 0) {
    await write('No requests found.', process.stdout)
    return EXIT.ok
  }
  const rows = found.map((request) => row(request, process.stdout))
  await write(await tableOf(COLUMNS, rows, process.stdout), process.stdout)
  return EXIT.ok
}

const COLUMNS = {
  request: 'left',
  status: 'left',
  done: 'right',
  mappings: 'right',
  failed: 'right',
  priority: 'left',
  created: 'left',
} as const

const STYLES: Readonly<Record<RequestState, Style>> = {
  pending: 'dim',
  in_progress: 'bold',
  completed: 'green',
  failed: 'red',
  cancelled: 'yellow',
}

function row(request: RequestStatus, output: Output): string[] {
  const { request_id, status, progress, total_mappings, failed_mappings } = request
  return [
    printable(request_id),
    styled(STYLES[status], status, output),
    `${progress}%`,
    grouped(total_mappings),
    grouped(failed_mappings),
    request.priority,
    request.created_at,
  ]
}
