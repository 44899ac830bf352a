import { type Command, Option } from 'commander'
import { describeSettings, type Texts } from '../config/settings.ts'

/** Gives a command a flag for each setting, or for those whose flags are named. */
export function withSettings(command: Command, flags?: readonly string[]): Command {
  for (const { env, flag, default: fallback, doc } of describeSettings({}, {})) {
    if (flags !== undefined && !flags.includes(flag)) continue
    const otherwise = fallback === null ? '' : `, default ${fallback}`
    command.addOption(new Option(`${flag} <value>`, `${doc} (${env}${otherwise})`))
  }
  return command
}

/** The settings that were given as flags, by their names without dashes. */
export function flagsOf(command: Command): Texts {
  const known = new Set(describeSettings({}, {}).map(({ flag }) => flag))
  const given: Record<string, unknown> = command.opts()
  const flags: Record<string, string> = {}
  for (const option of command.options) {
    const value = given[option.attributeName()]
    if (known.has(option.long ?? '') && typeof value === 'string') flags[option.name()] = value
  }
  return flags
}
