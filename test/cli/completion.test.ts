import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { findCommand, needing } from '../support/command.ts'
import { temporaryDirectory } from '../support/process.ts'
import { sluice } from './run.ts'

const run = promisify(execFile)

/** The script, in a file. */
async function script(shell: 'bash' | 'zsh'): Promise<string> {
  const { code, stdout, stderr } = await sluice(['completion', shell])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const file = join(await temporaryDirectory(), `completion.${shell}`)
  await writeFile(file, stdout)
  return file
}

describe('bash completes', () => {
  /** What bash would offer after these words, of which the last is not finished. */
  async function offered(...words: readonly string[]): Promise<readonly string[]> {
    const asking = `
      source "$1"; shift
      COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
      _sluice
      printf '%s\\n' "\${COMPREPLY[@]}"`
    const { stdout } = await run('bash', ['-c', asking, 'bash', await script('bash'), ...words])
    return stdout.trim().split('\n')
  }

  test.each([
    ['commands', ['sluice', 're'], ['results', 'retry', 'requests']],
    ['options', ['sluice', 'results', 'id', '--f'], ['--format']],
    ['all options of a command', ['sluice', 'watch', '-'], ['--url', '--json', '--help']],
    ['values', ['sluice', 'submit', '--priority', ''], ['HIGH', 'MEDIUM', 'LOW']],
    ['values after a short option', ['sluice', 'results', '-f', 'c'], ['csv']],
    ['the shells', ['sluice', 'completion', 'z'], ['zsh']],
    ['nothing where it cannot know', ['sluice', 'submit', '--metadata', '-'], ['']],
  ])('%s', async (_, words, expected) => {
    expect(await offered(...words)).toEqual(expected)
  })

  test('names of files everywhere else', async () => {
    const asking = 'source "$1"; complete -p sluice'
    const { stdout } = await run('bash', ['-c', asking, 'bash', await script('bash')])
    expect(stdout).toBe('complete -o default -F _sluice sluice\n')
  })
})

/** Types into a zsh of its own that has loaded the completion, presses Tab, and reads what it shows. */
const ZSH = `
  zmodload zsh/zpty
  zpty shell zsh -f -i
  zpty -w shell 'autoload -Uz compinit; compinit -u -D; LISTMAX=1000; source $1; print RE""ADY'
  while zpty -r shell line; do [[ $line == *READY* ]] && break; done
  zpty -w -n shell "$2"$'\\t'
  while zpty -r shell chunk "*$3*"; do print -rn -- $chunk; [[ $chunk == *$3* ]] && break; done
  zpty -d shell`

describe.skipIf(findCommand('zsh') === null)(needing('zsh', 'zsh completes'), () => {
  test.each([
    ['commands', 'sluice wat', 'watch '],
    ['commands, and says what they do', 'sluice re', 'list requests, newest first'],
    ['options', 'sluice results id --form', '--format '],
    ['values', 'sluice submit --priority H', 'HIGH '],
    ['the shells', 'sluice completion b', 'bash '],
  ])('%s', async (_, typed, shown) => {
    const file = await script('zsh')
    const env = { ...process.env, TERM: 'dumb' }
    const { stdout } = await run(
      'zsh',
      ['-f', '-c', ZSH.replaceAll('$1', file), 'zsh', file, typed, shown],
      { env, timeout: 20_000 },
    )
    expect(stdout).toContain(shown)
  })
})
