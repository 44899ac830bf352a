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
    .description('write a script with which a shell completes commands, options and values')
    .addArgument(new Argument('<shell>', 'the shell').choices(Object.keys(SHELLS)))
    .addHelpText(
      'after',
      `
For bash, put the first example into ~/.bashrc. For zsh, put the same line with
zsh into ~/.zshrc, after compinit; or write the script to a folder of fpath.

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
