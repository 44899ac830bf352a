import { Command } from 'commander'
import { VERSION } from '../lib/version.ts'
import { addCancel } from './cancel.ts'
import { addCompletion } from './completion.ts'
import { addConfig } from './config.ts'
import { addDemo } from './demo.ts'
import { EXIT_CODES_HELP } from './exit.ts'
import { addFailures } from './failures.ts'
import { isForPrograms } from './json.ts'
import { addMigrate } from './migrate.ts'
import { addMove } from './move.ts'
import { addRequests } from './requests.ts'
import { addResults } from './results.ts'
import { addRetry } from './retry.ts'
import { addServe } from './serve.ts'
import { addSubmit } from './submit.ts'
import { addSystems } from './systems.ts'
import { addWatch } from './watch.ts'
import { addWorker } from './worker.ts'

const SERVICE = [addServe, addWorker, addMigrate, addMove]
const REQUESTS = [addSubmit, addWatch, addResults, addFailures, addCancel, addRetry, addRequests]

/** What is wrong with how a command is used; programs are told of it elsewhere. */
function tellPeople(text: string): void {
  if (!isForPrograms()) process.stderr.write(text)
}

/** The whole command line: every command, in the order in which people are shown them. */
export function createProgram(): Command {
  const program = new Command('sluice')
    .description(
      'Carries out mappings through external systems: durably, by priority, within limits.',
    )
    .version(VERSION)
    .exitOverride()
    .configureOutput({ writeErr: tellPeople })
    .showHelpAfterError('Examples and all options: sluice --help, sluice <command> --help')
    .addHelpText(
      'after',
      `
Examples:
  sluice demo
  sluice submit examples/sample.json --wait
  sluice submit --help
${EXIT_CODES_HELP}`,
    )
  const commands = [...SERVICE, ...REQUESTS, addSystems, addConfig, addDemo, addCompletion]
  for (const add of commands) add(program)
  return program
}
