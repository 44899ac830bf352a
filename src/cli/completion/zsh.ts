import type { CompletedCommand, CompletedOption } from './completed.ts'

/**
 * A script that has zsh complete the command line, and say what each command and option does. It can be
 * sourced, or kept as \`_sluice\` in a folder of \`fpath\`.
 */
export function zshCompletion(commands: readonly CompletedCommand[]): string {
  return `#compdef sluice
# Completes sluice in zsh. Load it, after compinit, with: source <(sluice completion zsh)
_sluice() {
  local -a commands=(
${commands.map(({ name, description }) => `    ${quoted(`${name}:${description}`)}`).join('\n')}
  )
  if ((CURRENT == 2)); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  ((CURRENT--))
  case $command in
${commands.map(commandCase).join('\n')}
  esac
}
if [[ $funcstack[1] == _sluice ]]; then _sluice "$@"; else compdef _sluice sluice; fi`
}

function commandCase({ name, options, words }: CompletedCommand): string {
  const values = words.length === 0 ? '_files' : `(${words.join(' ')})`
  const specs = [...options.flatMap(optionSpecs), `*:${name}:${values}`]
  return `  ${name})
    _arguments \\
${specs.map((spec) => `      ${quoted(spec)}`).join(' \\\n')}
    ;;`
}

/** Each of an option's flags excludes the other. */
function optionSpecs({ flags, description, takesValue, choices }: CompletedOption): string[] {
  const values = choices.length === 0 ? '_files' : `(${choices.join(' ')})`
  const value = takesValue ? `:${flags.at(-1)?.replace(/^-+/, '')}:${values}` : ''
  return flags.map((flag) => `(${flags.join(' ')})${flag}[${escaped(description)}]${value}`)
}

function escaped(text: string): string {
  return text.replaceAll(/[\\[\]:]/g, '\\$&')
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
