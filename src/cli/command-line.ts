import { complain, explain } from './complain.ts'
import { EXIT } from './exit.ts'
import type { Output } from './output.ts'
import { createProgram } from './program.ts'

/** Does what the arguments of this process say, and has it end accordingly. */
export async function runCommandLine(): Promise<void> {
  endWithReader(process.stdout)
  endWithReader(process.stderr)
  try {
    await createProgram().parseAsync()
  } catch (error) {
    // Not merely the exit code: what failed half-way may hold the process open.
    process.exit(explain(error))
  }
}

/** Ends the process when nothing more can be written: quietly where a reader such as `head` has had enough. */
function endWithReader(output: Output): void {
  output.on('error', ({ code }: NodeJS.ErrnoException) => {
    if (code === 'EPIPE') process.exit()
    const message = `The output could not be written to its end (${code}). Has its disk room?`
    process.exit(complain(message, EXIT.unavailable))
  })
}
