import type { Command } from 'commander'
import { environment } from '../config/environment.ts'
import { describeSettings, readSettings, type SettingDescription } from '../config/settings.ts'
import { complain } from './complain.ts'
import { concluding, EXIT, EXIT_CODES_HELP, type ExitCode } from './exit.ts'
import { type JsonOptions, withJson, writeJson } from './json.ts'
import { type Output, printable, styled, write } from './output.ts'
import { flagsOf, withSettings } from './settings.ts'
import { tableOf } from './table.ts'

/** Adds `sluice config`. */
export function addConfig(program: Command): void {
  const command = withSettings(program.command('config')).description(
    'show every setting: what is in force, where it comes from, and what it does',
  )
  withJson(command)
    .addHelpText(
      'after',
      `
Examples:
  sluice config
  PORT=9000 sluice config --json
${EXIT_CODES_HELP}`,
    )
    .action(concluding(config))
}

async function config({ json }: JsonOptions, command: Command): Promise<ExitCode> {
  const flags = flagsOf(command)
  const settings = describeSettings(environment(), flags)
  if (json) await writeJson(settings)
  else await write(await table(settings, process.stdout), process.stdout)
  const read = readSettings(environment(), flags)
  return read.ok ? EXIT.ok : complain(read.problems.join('\n'), EXIT.misuse)
}

const COLUMNS = {
  setting: 'left',
  value: 'left',
  from: 'left',
  default: 'left',
  'what it does': 'left',
} as const

const DOC_WIDTH = 46

function table(settings: readonly SettingDescription[], output: Output): Promise<string> {
  const rows = settings.map(({ env, value, from, default: fallback, doc }) => {
    const style = from === 'default' ? 'dim' : 'green'
    return [env, styled(style, printable(value ?? '–'), output), from, fallback ?? '–', doc]
  })
  return tableOf(COLUMNS, rows, output, DOC_WIDTH)
}
