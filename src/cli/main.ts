#!/usr/bin/env node
/**
 * The command line. Commands load what is heavy only when they need it, so that help is there at
 * once.
 */
import { keepCompiledCode } from '../config/environment.ts'
import { explain } from './complain.ts'
import { endWithReader } from './output.ts'
import { createProgram } from './program.ts'

keepCompiledCode()
endWithReader(process.stdout)
endWithReader(process.stderr)

try {
  await createProgram().parseAsync()
} catch (error) {
  // Not merely the exit code: what failed half-way may hold the process open.
  process.exit(explain(error))
}
