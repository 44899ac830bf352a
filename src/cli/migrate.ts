import type { Command } from 'commander'
import { environment } from '../config/environment.ts'
import { readSettings } from '../config/settings.ts'
import { complain } from './complain.ts'
import { concluding, EXIT, EXIT_CODES_HELP, type ExitCode } from './exit.ts'
import { type JsonOptions, withJson, writeJson } from './json.ts'
import { write } from './output.ts'
import { flagsOf, withSettings } from './settings.ts'

/** Adds `sluice migrate`. */
export function addMigrate(program: Command): void {
  const command = withSettings(program.command('migrate'), ['--database-url']).description(
    "bring the schema of PostgreSQL up to this version's",
  )
  withJson(command)
    .addHelpText(
      'after',
      `
DATABASE_URL says which PostgreSQL. It is safe to run this at any time, more than
once, and by several processes at once. The embedded store does not need it: it
is brought up to date at start.

Examples:
  sluice migrate
${EXIT_CODES_HELP}`,
    )
    .action(concluding(migrate))
}

async function migrate({ json }: JsonOptions, command: Command): Promise<ExitCode> {
  const read = readSettings(environment(), flagsOf(command))
  if (!read.ok) return complain(read.problems.join('\n'), EXIT.misuse)
  const { databaseUrl } = read.settings
  if (databaseUrl === null) {
    const message =
      'DATABASE_URL is not set. The embedded store needs no migrate: it is brought up to date at start.'
    return complain(message, EXIT.misuse)
  }
  const { migrateDatabase } = await import('../administration.ts')
  const migrated = await migrateDatabase(databaseUrl)
  if (!migrated.ok) return complain(migrated.problem, EXIT.unavailable)
  const { from, to } = migrated
  if (json) {
    await writeJson({ from, to })
    return EXIT.ok
  }
  await write(
    from === to ? `Schema ${to} is there already.` : `Schema ${from} is now schema ${to}.`,
    process.stdout,
  )
  return EXIT.ok
}
