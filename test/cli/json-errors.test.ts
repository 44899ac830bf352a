/** What stops a command that writes for programs is one object on the standard error. */
import { describe, expect, test } from 'vitest'
import { createProgram } from '../../src/cli/program.ts'
import { FakeSluice, problem } from '../client/fake.ts'
import { sluice } from './run.ts'

const NOWHERE = 'http://127.0.0.1:1'

/** Every command that talks to a service and can write JSON, with what it cannot go without. */
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  submit: ['submit', 'examples/sample.json'],
  watch: ['watch', 'a'],
  results: ['results', 'a'],
  failures: ['failures', 'a'],
  cancel: ['cancel', 'a'],
  retry: ['retry', 'a'],
  requests: ['requests'],
  systems: ['systems', 'crm'],
}

/** Runs a command with `--json`; it must have written nothing but one line, to the standard error. */
async function stopped(args: readonly string[], input = '') {
  const { code, stdout, stderr } = await sluice([...args, '--json'], { input })
  expect(stdout).toBe('')
  expect(stderr).toMatch(/^[^\n]*\n$/)
  return { code, error: JSON.parse(stderr) as unknown }
}

/** What a command makes of an answer, or of the same answer each time that it asks. */
async function answered(args: readonly string[], answer: ReturnType<typeof problem>) {
  await using fake = await FakeSluice.start()
  fake.answers.push(...Array.from({ length: 4 }, () => answer))
  return await stopped([...args, '--url', fake.url])
}

test('there is no other command that does both', () => {
  const both = createProgram().commands.filter(({ options }) => {
    const names = options.map(({ long }) => long)
    return names.includes('--json') && names.includes('--url')
  })
  expect(both.map((command) => command.name()).sort()).toEqual(Object.keys(COMMANDS).sort())
})

describe.each(Object.entries(COMMANDS))('%s --json', (_, args) => {
  test('tells the problem that Sluice sent, as it came, and ends as it does for people', async () => {
    const errors = [{ pointer: '#/mappings/0/id', code: 'x', detail: 'No \u001b[2J.', line: 3 }]
    const refusal = problem(404, 'not-found', 'Look elsewhere.', { errors })
    expect(await answered(args, refusal)).toEqual({ code: 2, error: refusal.body })
    const away = problem(503, 'draining', 'Later.', { headers: { 'retry-after': '60' } })
    expect(await answered(args, away)).toEqual({ code: 3, error: away.body })
  })

  test('tells that nothing answers, in the same shape', async () => {
    expect(await stopped([...args, '--url', NOWHERE])).toEqual({
      code: 3,
      error: {
        error: 'unavailable',
        title: 'It could not be done, or not to the end',
        detail: `Nothing answers at ${NOWHERE}. Start Sluice there, or give another address.`,
      },
    })
  })

  test('tells that it is not used so', async () => {
    const { code, error } = await stopped([...args, '--prioritty', 'HIGH'])
    expect(code).toBe(2)
    expect(error).toEqual({
      error: 'misuse',
      title: 'This is not how the command can be used',
      detail: expect.stringMatching(/^unknown option '--prioritty'/),
    })
  })
})

describe('--json tells in one object', () => {
  test('a doubt whether it was taken, with the key that settles it', async () => {
    const fault = problem(500, 'internal-error', 'Look for answer-1 in the log.')
    const args = ['submit', 'examples/sample.json', '--idempotency-key', 'nightly']
    const { code, error } = await answered(args, fault)
    expect(code).toBe(3)
    expect(error).toMatchObject({ type: '/problems/internal-error', instance: 'answer-1' })
    expect(error).toMatchObject({ idempotency_key: 'nightly' })
  })

  test.each([
    ['a file that cannot be read', ['submit', 'none.json'], 'Cannot read none.json.'],
    [
      'one that holds something else',
      ['submit', '-'],
      'The standard input holds neither a request nor a list',
    ],
    [
      'options that do not go together',
      ['systems', 'a', '--pause', '--unpause'],
      'Give either --pause or --unpause',
    ],
    ['an address that is none', ['watch', 'a', '--url', 'here'], '--url (or SLUICE_URL) must be'],
    ['an option that the command has not', ['demo'], "unknown option '--json'"],
    [
      'a store that cannot be moved',
      ['move'],
      'Say which PostgreSQL to copy to, with --to or DATABASE_URL.',
    ],
  ])('%s', async (_, args, detail) => {
    expect(await stopped(args)).toMatchObject({
      ...{ code: 2, error: { error: 'misuse', detail: expect.stringContaining(detail) } },
    })
  })

  test('every setting that is wrong, beside those that there are', async () => {
    const env = { PORT: 'eight', SLUICE_WORKERS: 'many' }
    const { code, stdout, stderr } = await sluice(['config', '--json'], { env })
    expect(code).toBe(2)
    expect(JSON.parse(stdout)).toBeInstanceOf(Array)
    expect(JSON.parse(stderr)).toMatchObject({ error: 'misuse' })
    for (const name of ['PORT', 'SLUICE_WORKERS']) expect(stderr).toContain(name)
  })
})

test('without --json, or where it is the name of a file, people are told in words', async () => {
  const { code, stderr } = await sluice(['submit', '--url', NOWHERE, '--', '--json'])
  expect({ code, stderr: stderr.slice(0, 7) }).toEqual({ code: 2, stderr: 'error: ' })
})
