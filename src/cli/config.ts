import type { Command } from 'commander'
import { environment } from '../config/environment.ts'
import { describeSettings, readSettings, type SettingDescription } from '../config/settings.ts'
import { complain } from './complain.ts'
import { concluding, EXIT, EXIT_CODES_HELP, type ExitCode } from './exit.ts'
import { type JsonOptions, withJson, writeJson } from './json.ts'
import { type Output, printable, styled, write } from './output.ts'
import { flagsOf, withSettings } from './settings.ts'

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

const DOC_WIDTH = 46

async function table(settings: readonly SettingDescription[], output: Output): Promise<string> {
  const { default: Table } = await import('cli-table3')
  const head = ['setting', 'value', 'from', 'default', 'what it does']
  const rows = new Table({
    head: head.map((column) => styled('bold', column, output)),
    style: { head: [], border: [], compact: true },
    colWidths: [null, null, null, null, DOC_WIDTH],
    wordWrap: true,
  })
  for (const { env, value, from, default: fallback, doc } of settings) {
    const shown = printable(value ?? '–')
    const style = from === 'default' ? 'dim' : 'green'
    rows.push([env, styled(style, shown, output), from, fallback ?? '–', doc])
  }
  return rows.toString()
}
