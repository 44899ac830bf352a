import { Argument, type Command } from 'commander'
import { bashCompletion } from './completion/bash.ts'
import type { CompletedCommand } from './completion/completed.ts'
import { zshCompletion } from './completion/zsh.ts'
import { concluding, EXIT, EXIT_CODES_HELP, type ExitCode } from './exit.ts'
import { write } from './output.ts'

const SHELLS = { bash: bashCompletion, zsh: zshCompletion } as const
type Shell = keyof typeof SHELLS

/** Adds `sluice completion`, which knows every command that the program has when it is run. */
export function addCompletion(program: Command): void {
  program
    .command('completion')
    .description('write what has a shell complete commands, options and their values')
    .addArgument(new Argument('<shell>', 'for which shell').choices(Object.keys(SHELLS)))
    .addHelpText(
      'after',
      `
Put the line that loads it into ~/.bashrc or, after compinit, into ~/.zshrc.

Examples:
  source <(sluice completion bash)
  sluice completion zsh > _sluice
${EXIT_CODES_HELP}`,
    )
    .action(concluding((shell: Shell) => writeCompletion(shell, program)))
}

async function writeCompletion(shell: Shell, program: Command): Promise<ExitCode> {
  await write(SHELLS[shell](program.commands.map(completed)), process.stdout)
  return EXIT.ok
}

function completed(command: Command): CompletedCommand {
  return {
    name: command.name(),
    description: command.description(),
    options: command.options.map(({ short, long, description, required, argChoices }) => ({
      flags: [short, long].filter((flag) => flag !== undefined),
      description,
      takesValue: required,
      choices: argChoices ?? [],
    })),
    words: command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []),
  }
}
