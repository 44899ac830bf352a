import type { Command } from 'commander'
import { printable, write } from './output.ts'

export interface JsonOptions {
  readonly json?: true
}

/** Gives a command the option that has it write for programs. */
export function withJson(command: Command, what = 'JSON'): Command {
  return command.option('--json', `write ${what}, for programs`)
}

/** Whether programs read what the command says; known before its options are, for these may be what is wrong. */
export function isForPrograms(): boolean {
  const end = process.argv.indexOf('--')
  return process.argv.slice(0, end === -1 ? process.argv.length : end).includes('--json')
}

/** Writes a value as one line of JSON. It is the same value, with nothing in it that a terminal obeys. */
export function writeJson(value: unknown): Promise<void> {
  return write(printable(JSON.stringify(value)), process.stdout)
}
