import { explain } from './complain.ts'
import { endWithReader } from './output.ts'
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
