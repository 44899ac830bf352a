/** Every example that `--help` shows, run. */
import type { Command } from 'commander'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createProgram } from '../../src/cli/program.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { openPlayground, type PlaygroundOptions } from './playground.ts'

let postgres: PostgresServer

beforeAll(async () => {
  postgres = await startPostgres()
}, 60_000)

afterAll(() => postgres.stop())

let made = 0

/** An empty database. */
async function database(): Promise<string> {
  const name = `example_${++made}`
  const client = new pg.Client(postgres.url)
  await client.connect()
  await client.query(`CREATE DATABASE ${name}`)
  await client.end()
  return postgres.url.replace(/postgres$/, name)
}

/** What a command's examples need around them. */
async function surroundings(command: string): Promise<PlaygroundOptions> {
  switch (command) {
    case 'sluice':
    case 'demo':
      return { env: { SLUICE_SIMULATED_SUCCESS_RATE: '1' } }
    case 'serve':
      return { databases: [await database()] }
    case 'move':
      return { databases: [await database(), await database()], isStopped: true }
    case 'worker':
    case 'migrate':
      return { env: { DATABASE_URL: await database() } }
    default:
      return { env: { SLUICE_SYSTEMS_FILE: 'examples/systems.yaml' } }
  }
}

/** What does not end with 0, and why that is as it should be. */
const EXPECTED = [
  // A part of the request fails, and the exit code says so: that is the point of these examples.
  /^1: .*(sample\.json.* --wait|sluice watch|sluice retry)/,
  // Nothing is wrong with the system of the example, and Sluice says so.
  /^2: sluice systems crm --resume/,
]

function examplesOf(command: Command): string {
  let text = ''
  command.configureOutput({
    writeOut: (part) => {
      text += part
    },
  })
  command.outputHelp()
  const [, examples = ''] = /\nExamples:\n([\s\S]*?)\n\n/.exec(text) ?? []
  return examples.replaceAll(/^ {2}/gm, '')
}

const program = createProgram()

describe('what --help shows runs', () => {
  test.each([program, ...program.commands].map((command) => [command.name(), command] as const))(
    'of %s',
    async (name, command) => {
      const examples = examplesOf(command)
      expect(examples).toContain('sluice')
      await using playground = await openPlayground(await surroundings(name))
      const { complaints, stderr } = await playground.play(examples)
      expect(
        complaints.filter((line) => !isExpected(line)),
        stderr,
      ).toEqual([])
    },
    240_000,
  )
})

function isExpected(complaint: string): boolean {
  return EXPECTED.some((pattern) => pattern.test(complaint))
}
