/** Tells what stopped a command: people in words, programs in a line of JSON. */
import { CommanderError } from 'commander'
import { SluiceError, SluiceUnreachable } from '../client/index.ts'
import { EXIT, type ExitCode, endingFor } from './exit.ts'
import { isForPrograms } from './json.ts'
import { printable, styled } from './output.ts'
import { UnusableFile } from './unusable.ts'

/** How a command ends that was stopped. */
type Stopped = typeof EXIT.misuse | typeof EXIT.unavailable

/** What programs are told where it was not Sluice that said no: a problem without a type and a status. */
const PROBLEMS = {
  [EXIT.misuse]: { error: 'misuse', title: 'This is not how the command can be used' },
  [EXIT.unavailable]: { error: 'unavailable', title: 'It could not be done, or not to the end' },
} as const

/** What is told beside what stopped a command. */
export interface Advice {
  /** For people. */
  readonly words: string
  /** The same for programs, as members of the problem. */
  readonly members: Readonly<Record<string, string>>
}

/** Says what is wrong, and passes the exit code on. */
export function complain<Code extends Stopped>(
  message: string,
  code: Code,
  advice: Advice | null = null,
): Code {
  tell(message, { ...PROBLEMS[code], detail: message }, advice)
  return code
}

/** Tells what was thrown, and how the command ends for it. */
export function explain(error: unknown, advice: Advice | null = null): ExitCode {
  if (error instanceof CommanderError) return explainUse(error)
  if (error instanceof UnusableFile) return complain(error.message, EXIT.misuse)
  if (error instanceof SluiceUnreachable) return complain(error.message, EXIT.unavailable, advice)
  if (error instanceof SluiceError) {
    tell(error.message, error.problem, advice)
    return endingFor(error.status)
  }
  const message = error instanceof Error ? error.message : String(error)
  return complain(
    `This is a fault in Sluice itself, please report it: ${message}`,
    EXIT.unavailable,
  )
}

/** People have been told, and shown where help is, when this is thrown. */
function explainUse({ exitCode, message }: CommanderError): ExitCode {
  if (exitCode === 0) return EXIT.ok
  return isForPrograms() ? complain(message.replace(/^error: /, ''), EXIT.misuse) : EXIT.misuse
}

function tell(message: string, problem: object, advice: Advice | null): void {
  if (isForPrograms()) {
    process.stderr.write(`${printable(JSON.stringify({ ...problem, ...advice?.members }))}\n`)
    return
  }
  const [first = '', ...rest] = message.split('\n').map(printable)
  const heading = styled('red', 'error:', process.stderr)
  const lines = [`${heading} ${first}`, ...rest, ...(advice === null ? [] : [advice.words])]
  process.stderr.write(`${lines.join('\n')}\n`)
}
