import type { Command } from 'commander'
import type { Sluice, System, SystemChange } from '../client/index.ts'
import { grouped } from '../core/quantity.ts'
import { type AddressOptions, connect, withAddress } from './address.ts'
import { complain } from './complain.ts'
import { concluding, EXIT, EXIT_CODES_HELP, type ExitCode } from './exit.ts'
import { type JsonOptions, withJson, writeJson } from './json.ts'
import { duration, wholeNumber } from './numbers.ts'
import { type Output, printable, type Style, styled, write } from './output.ts'
import { tableOf } from './table.ts'

interface SystemsOptions extends AddressOptions, JsonOptions {
  readonly concurrency?: number | 'file'
  readonly rate?: string[]
  readonly pause?: true
  readonly unpause?: true
  readonly resume?: true
}

/** Adds `sluice systems`. */
export function addSystems(program: Command): void {
  const command = withAddress(program.command('systems'))
    .description('show the state of all systems; or show one, and change its limits while it runs')
    .argument('[name]', 'the system (default: all)')
    .option('--concurrency <n>', 'allow this many calls at once; "file": as configured', calls)
    .option(
      '--rate <rates...>',
      'allow calls at this rate, such as 50/s or 5000/h; "file": as configured',
    )
    .option('--pause', 'start no more calls to it')
    .option('--unpause', 'end the pause')
    .option('--resume', 'try a held or tripped system now')
  withJson(command)
    .addHelpText(
      'after',
      `
Examples:
  sluice systems
  sluice systems crm
  sluice systems crm --concurrency 5 --rate 50/s 1000/h
  sluice systems crm --concurrency file --rate file
  sluice systems crm --pause
  sluice systems crm --unpause
  sluice systems crm --resume
${EXIT_CODES_HELP}`,
    )
    .action(concluding(systems))
}

async function systems(name: string | undefined, options: SystemsOptions): Promise<ExitCode> {
  const sluice = connect(options)
  const change = changeOf(options)
  const isChange = Object.keys(change).length > 0 || options.resume === true
  if (name === undefined) {
    if (isChange) return complain('Name the system to change.', EXIT.misuse)
    return showAll(sluice, options)
  }
  if (options.pause && options.unpause) {
    return complain('Give either --pause or --unpause, not both.', EXIT.misuse)
  }
  if (Object.keys(change).length > 0) await sluice.updateSystem(name, change)
  const system = await (options.resume ? sluice.resume(name) : sluice.system(name))
  if (options.json) await writeJson(system)
  else await write(described(system, process.stdout), process.stdout)
  return EXIT.ok
}

function calls(text: string): number | 'file' {
  return text === 'file' ? 'file' : wholeNumber(text)
}

function changeOf({ concurrency, rate, pause, unpause }: SystemsOptions): SystemChange {
  return {
    ...(concurrency !== undefined && {
      concurrency: concurrency === 'file' ? null : concurrency,
    }),
    ...(rate !== undefined && { rate: rate.join() === 'file' ? null : rate }),
    ...((pause ?? unpause) && { paused: pause === true }),
  }
}

const COLUMNS = {
  system: 'left',
  kind: 'left',
  gate: 'left',
  ready: 'right',
  'in hand': 'right',
  waiting: 'right',
  'per minute': 'right',
  'last error': 'left',
} as const

async function showAll(sluice: Sluice, { json }: SystemsOptions): Promise<ExitCode> {
  const found: System[] = []
  for await (const system of sluice.systems()) found.push(system)
  if (json) {
    await writeJson(found)
  } else if (found.length === 0) {
    await write(
      'No system has had work recently. Without a systems file, only those that had work are listed.',
      process.stdout,
    )
  } else {
    const rows = found.map((system) => row(system, process.stdout))
    await write(await tableOf(COLUMNS, rows, process.stdout), process.stdout)
  }
  return EXIT.ok
}

function row(system: System, output: Output): string[] {
  return [
    printable(system.name),
    printable(system.kind),
    gate(system, output),
    grouped(system.ready_mappings),
    grouped(system.in_flight_mappings),
    grouped(system.waiting_mappings),
    grouped(system.mappings_per_minute),
    printable(system.last_error?.code ?? ''),
  ]
}

const STYLES: Readonly<Record<System['gate']['state'], Style>> = {
  open: 'green',
  throttled: 'yellow',
  tripped: 'red',
  held: 'red',
  paused: 'yellow',
}

function gate({ gate: { state, until } }: System, output: Output): string {
  const name = styled(STYLES[state], state, output)
  return until === null ? name : `${name} until ${until}`
}

/** A system as lines of a name and a value. */
function described(system: System, output: Output): string {
  const { limits, gate: closed, last_error: error, oldest_wait_seconds: oldest } = system
  const { configured, in_force: now, learned } = limits
  const inHand = grouped(system.in_flight_mappings)
  const lines: readonly (readonly [name: string, value: string])[] = [
    ['system', `${system.name} (${system.kind})`],
    ['gate', closed.reason === null ? closed.state : `${closed.state}: ${closed.reason}`],
    ['until', closed.until ?? ''],
    ['calls at once', differing(now.concurrency, configured.concurrency)],
    ['rate', differing(now.rate.join(', ') || 'any', configured.rate.join(', ') || 'any')],
    ['learned', learned === null ? '' : told(learned)],
    ['ready', grouped(system.ready_mappings)],
    ['in hand', inHand],
    ['waiting', grouped(system.waiting_mappings)],
    ['per minute', grouped(system.mappings_per_minute)],
    ['oldest wait', oldest === null ? '' : duration(oldest)],
    ['last error', error === null ? '' : `${error.at} ${error.code}: ${error.message}`],
  ]
  const shown = lines.filter(([, value]) => value !== '')
  return shown
    .map(([name, value]) => `${styled('bold', name.padEnd(14), output)}${printable(value)}`)
    .join('\n')
}

function differing(now: string | number, configured: string | number): string {
  return now === configured ? `${now}` : `${now} (configured: ${configured})`
}

function told({ limit, remaining, resets_at, rate }: Learned): string {
  const left = remaining === null ? '' : `${remaining} of ${limit ?? '?'} calls left`
  const until = resets_at === null ? left : `${left} until ${resets_at}`
  const found = rate === null ? '' : `about ${rate} calls a second`
  return [until, found].filter((part) => part !== '').join('; ')
}

type Learned = NonNullable<System['limits']['learned']>
