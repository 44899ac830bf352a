/** What the commands do where somebody looks on, in a terminal that `script` makes. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Mapping, Sluice } from '../../src/client/index.ts'
import { FakeSluice } from '../client/fake.ts'
import { findCommand, needing } from '../support/command.ts'
import { MAIN } from './run.ts'

const ESCAPE = '\u001b'
const COLOUR = new RegExp(`${ESCAPE}\\[[\\d;]*m`)
const CURSOR = { hidden: `${ESCAPE}[?25l`, shown: `${ESCAPE}[?25h` }

let directory: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-terminal-'))
})

afterAll(() => rm(directory, { recursive: true }))

interface TerminalOptions {
  readonly env?: Readonly<Record<string, string>>
  /** Once this is shown, Ctrl-C is typed. */
  readonly interruptAt?: string
  /** How wide it is. */
  readonly columns?: number
}

/** Runs a command in a terminal of its own; gives its exit code and all that it has shown. */
async function inTerminal(
  args: readonly string[],
  { env = {}, interruptAt, columns = 200 }: TerminalOptions = {},
) {
  const words = [process.execPath, MAIN, ...args].map((word) => `'${word}'`).join(' ')
  const command = `stty cols ${columns}; ${words}`
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    env: { PATH: process.env['PATH'], TERM: 'xterm', ...env },
    timeout: 30_000,
    killSignal: 'SIGKILL',
  })
  let shown = ''
  let isInterrupted = interruptAt === undefined
  child.stdout.on('data', (chunk: Buffer) => {
    shown += chunk
    if (isInterrupted || !shown.includes(interruptAt ?? '')) return
    isInterrupted = true
    child.stdin.write('\u0003')
  })
  await once(child, 'close')
  return { code: child.exitCode, shown }
}

/** A fake that holds one request: four mappings, one of which will fail. */
async function holding() {
  const fake = await FakeSluice.start()
  const mappings = ['broken', 'crm', 'crm', 'crm'].map((target, index): Mapping => {
    return { id: `m${index}`, source: 'shop', target }
  })
  const { request_id: id } = await new Sluice({ baseUrl: fake.url }).submit({ mappings })
  return { fake, id, [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose]() }
}

describe.skipIf(findCommand('script') === null)(needing('script', 'in a terminal'), () => {
  test('a bar shows the progress, and the cursor is there again afterwards', async () => {
    await using held = await holding()
    const { code, shown } = await inTerminal(['watch', held.id, '--url', held.fake.url])
    expect(code).toBe(1)
    expect(shown).toMatch(/█+.* 100% {2}4\/4 /)
    expect(shown).toMatch(COLOUR)
    expect(shown.lastIndexOf(CURSOR.shown)).toBeGreaterThan(shown.lastIndexOf(CURSOR.hidden))
  })

  test('nothing is coloured where NO_COLOR says so', async () => {
    await using held = await holding()
    const env = { NO_COLOR: '1' }
    for (const command of ['watch', 'results', 'failures']) {
      const { shown } = await inTerminal([command, held.id, '--url', held.fake.url], { env })
      expect(shown).not.toMatch(COLOUR)
    }
    const failed = await inTerminal(['watch', 'other', '--url', held.fake.url], { env })
    expect(failed.shown).toContain('error: There is no such request.')
    expect(failed.shown).not.toMatch(COLOUR)
  })

  test.each([
    [200, '│ id '],
    [60, 'id '],
  ])('a table has a frame only where it fits: at %i columns', async (columns, heading) => {
    await using held = await holding()
    const args = ['results', held.id, '--url', held.fake.url]
    const { shown } = await inTerminal(args, { columns, env: { NO_COLOR: '1' } })
    expect(shown.split('\n').find((line) => line.includes('source'))).toMatch(`${heading}`)
    expect(shown.includes('─')).toBe(heading.startsWith('│'))
  })

  test('a bar leaves room for its words on a narrow terminal', async () => {
    await using held = await holding()
    const args = ['watch', held.id, '--url', held.fake.url]
    const { shown } = await inTerminal(args, { columns: 60 })
    expect(shown).toMatch(/(?<!█)█{5} 100% {2}4\/4 /)
  })

  test('a bar shows how much of a file is sent', async () => {
    await using fake = await FakeSluice.start()
    const file = join(directory, 'mappings.ndjson')
    const line = '{"id": "a", "source": "shop", "target": "crm"}\n'
    await writeFile(file, line.repeat(10_000))
    const { code, shown } = await inTerminal(['submit', file, '--url', fake.url])
    expect(code).toBe(0)
    expect(shown).toContain('100%  sent 0.5 MB of 0.5 MB')
    expect(shown).toContain('Accepted 10,000 mappings.')
    expect(shown.lastIndexOf(CURSOR.shown)).toBeGreaterThan(shown.lastIndexOf(CURSOR.hidden))
  })

  test('Ctrl-C ends the watching, not the work, with 130', async () => {
    await using held = await holding()
    const first = `event: status\ndata: ${JSON.stringify(STATUS)}\n\n`
    held.fake.answers.push({ goesOnAfter: first })
    const args = ['watch', held.id, '--url', held.fake.url]
    const { code, shown } = await inTerminal(args, { interruptAt: '1/4' })
    expect(code).toBe(130)
    expect(shown).toContain(`The work goes on. Come back to it with: sluice watch ${held.id}`)
    expect(shown.lastIndexOf(CURSOR.shown)).toBeGreaterThan(shown.lastIndexOf(CURSOR.hidden))
  })

  test('Ctrl-C ends an upload, and says what that means, with 130', async () => {
    await using fake = await FakeSluice.start()
    fake.answers.push('silence')
    const file = join(directory, 'interrupted.ndjson')
    await writeFile(file, '{"id": "a", "source": "shop", "target": "crm"}\n'.repeat(10_000))
    const args = ['submit', file, '--url', fake.url]
    const { code, shown } = await inTerminal(args, { interruptAt: 'of 0.5 MB' })
    expect(code).toBe(130)
    expect(shown).toContain('Interrupted. A request that was not sent completely is not taken.')
    expect(shown).toMatch(/Run the same command again with --idempotency-key [\da-f]{32}: /)
    expect(shown.lastIndexOf(CURSOR.shown)).toBeGreaterThan(shown.lastIndexOf(CURSOR.hidden))
  })

  test('CSV cannot steer it', async () => {
    await using held = await holding()
    const csv = `id,source\r\n${ESCAPE}[2Jm0,a\rb\u009b\r\n`
    held.fake.answers.push({ status: 200, body: csv })
    const args = ['results', held.id, '--format', 'csv', '--url', held.fake.url]
    const { shown } = await inTerminal(args)
    expect(shown).toContain('id,source')
    expect(shown).toContain('\\u001b[2Jm0,a\\u000db\\u009b')
  })
})

const STATUS = {
  status: 'in_progress',
  progress: 25,
  total_mappings: 4,
  processed_mappings: 1,
  failed_mappings: 0,
  finished_at: null,
  eta_seconds: null,
  waiting_on: [],
}
