#!/usr/bin/env node
/**
 * The command line. Commands load what is heavy only when they need it, so that help is there at
 * once.
 */
import { Command } from 'commander'
import { keepCompiledCode } from '../config/environment.ts'
import { VERSION } from '../lib/version.ts'
import { addConfig } from './config.ts'
import { addDemo } from './demo.ts'
import { EXIT_CODES_HELP, explain } from './exit.ts'
import { addMigrate } from './migrate.ts'
import { addMove } from './move.ts'
import { endWithReader } from './output.ts'
import { addResults } from './results.ts'
import { addServe } from './serve.ts'
import { addSubmit } from './submit.ts'
import { addSystems } from './systems.ts'
import { addWatch } from './watch.ts'
import { addWorker } from './worker.ts'

keepCompiledCode()

const program = new Command('sluice')
  .description(
    'Carries out mappings through external systems: durably, by priority, within limits.',
  )
  .version(VERSION)
  .exitOverride()
  .showHelpAfterError('Examples and all options: sluice --help, sluice <command> --help')
  .addHelpText(
    'after',
    `
Examples:
  sluice demo
  sluice serve
  sluice submit examples/sample.json --wait
  sluice <command> --help
${EXIT_CODES_HELP}`,
  )

const SERVICE = [addServe, addWorker, addMigrate, addMove]
const CLIENT = [addSubmit, addWatch, addResults, addSystems]
for (const add of [...SERVICE, ...CLIENT, addConfig, addDemo]) add(program)

endWithReader(process.stdout)
endWithReader(process.stderr)

try {
  await program.parseAsync()
} catch (error) {
  // Not merely the exit code: what failed half-way may hold the process open.
  process.exit(explain(error))
}
