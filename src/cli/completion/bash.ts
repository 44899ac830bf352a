import type { CompletedCommand, CompletedOption } from './completed.ts'

/**
 * A script that has bash complete the command line: commands, their options, and values where there
 * are only some. Everywhere else it completes names of files, as it always does.
 */
export function bashCompletion(commands: readonly CompletedCommand[]): string {
  return `# Completes sluice in bash. Load it with: source <(sluice completion bash)
_sluice() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]} words=
  if ((COMP_CWORD == 1)); then
    words=${quoted([...commands.map(({ name }) => name), '--help', '--version'])}
  else
    case "\${COMP_WORDS[1]} $before" in
${commands.flatMap(valueCases).join('\n')}
    *)
      case "\${COMP_WORDS[1]} $word" in
${commands.flatMap(wordCases).join('\n')}
      esac
      ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _sluice sluice`
}

/** After an option with a value: one of its values, or whatever the user has in mind. */
function valueCases({ name, options }: CompletedCommand): string[] {
  const valued = options.filter(({ takesValue }) => takesValue)
  const open = valued.filter(({ choices }) => choices.length === 0)
  return [
    ...valued
      .filter(({ choices }) => choices.length > 0)
      .map((option) => `    ${patterns(name, [option])}) words=${quoted(option.choices)} ;;`),
    ...(open.length === 0 ? [] : [`    ${patterns(name, open)}) ;;`]),
  ]
}

function patterns(name: string, options: readonly CompletedOption[]): string {
  return options.flatMap(({ flags }) => flags.map((flag) => `'${name} ${flag}'`)).join(' | ')
}

function wordCases({ name, options, words }: CompletedCommand): string[] {
  const flags = [...options.flatMap((option) => option.flags), '--help']
  return [
    `      '${name} -'*) words=${quoted(flags)} ;;`,
    ...(words.length === 0 ? [] : [`      '${name} '*) words=${quoted(words)} ;;`]),
  ]
}

/** None of these words has a quote in it. */
function quoted(words: readonly string[]): string {
  return `'${words.join(' ')}'`
}
