/** Every example of TypeScript in README.md, docs/client.md and the client's own comments. */
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { Sluice } from '../../src/client/index.ts'
import { ROOT } from '../structure/sources.ts'
import { eventually } from '../support/eventually.ts'
import { fencesIn } from './fences.ts'
import { openPlayground, type Playground } from './playground.ts'

const run = promisify(execFile)
const COMPILER = join(ROOT, 'node_modules/typescript/bin/tsc')
const STRICT = ['--noEmit', '--strict', '--target', 'es2024', '--module', 'nodenext']
const SOURCES = ['--types', 'node', '--allowImportingTsExtensions', '--erasableSyntaxOnly']

/** Checks the types of a module, and runs it; gives what it has told. */
async function checkAndRun(playground: Playground, module: string): Promise<string> {
  const { directory } = playground
  await writeFile(join(directory, 'example.ts'), playground.addressed(module))
  const checking = [COMPILER, ...STRICT, ...SOURCES, 'example.ts']
  const { stdout: faults } = await run(process.execPath, checking, { cwd: directory }).catch(
    (error) => error,
  )
  expect(faults).toBe('')
  const { stdout } = await run(process.execPath, ['example.ts'], { cwd: directory })
  return stdout
}

test.each(['README.md', 'docs/client.md'])(
  'what %s shows runs, from the first block to the last',
  async (document) => {
    await using playground = await openPlayground({ env: { SLUICE_SIMULATED_SUCCESS_RATE: '1' } })
    const blocks = fencesIn(document).filter(({ language }) => language === 'ts')
    const told = await checkAndRun(playground, blocks.map(({ text }) => text).join('\n'))
    expect(told).toContain('100 %')
  },
  120_000,
)

/** What stands after `@example` in the comments of a file. */
function examplesIn(text: string): readonly string[] {
  const comments = text.match(/\/\*\*[\s\S]*?\*\//g) ?? []
  return comments.flatMap((comment) => {
    const lines = comment.replaceAll(/^ *(?:\/\*\*| \*\/| \* ?)/gm, '')
    return [...lines.matchAll(/^@example\n([\s\S]*?)(?=^@|$(?![\s\S]))/gm)].map(
      ([, code = '']) => code,
    )
  })
}

describe('the comments of the client', () => {
  const folder = join(ROOT, 'src/client')
  const texts = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'))
  const examples = texts.flatMap(examplesIn)

  test('show an example of every call', () => {
    const source = readFileSync(join(folder, 'sluice.ts'), 'utf8')
    const calls = [...source.matchAll(/^ {2}(?:async )?(\w+)\(/gm)].map(([, name = '']) => name)
    expect(calls.length).toBeGreaterThan(15)
    const shown = examples.join('\n')
    expect(calls.filter((name) => name !== 'constructor' && !shown.includes(`.${name}(`))).toEqual(
      [],
    )
  })

  test('show examples that run', { timeout: 120_000 }, async () => {
    await using playground = await openPlayground({ systems: SYSTEMS })
    const sluice = new Sluice({ baseUrl: playground.url })
    const mapping = { id: 'ada', source: 'crm', target: 'newsletter' }
    const mappings = [mapping]
    const failed = await sluice.submit({ mappings })
    const open = await sluice.submit({ mappings, not_before: '2099-01-01T00:00:00Z' })
    await sluice.wait(failed.request_id)
    const more = Array.from({ length: 20 }, (_, index) => ({ ...mapping, id: `more-${index}` }))
    await sluice.submit({ mappings: more })
    await eventually(async () => {
      expect(await sluice.system('newsletter')).toMatchObject({ gate: { state: 'tripped' } })
    })
    const functions = examples.map((code, index) => {
      const id = code.includes('.cancel(') ? open.request_id : failed.request_id
      // In two parts, because whole ids stand for that of the latest request.
      const whole = `'${id.slice(0, 8)}' + '${id.slice(8)}'`
      return `await (async function example${index}(id: string) {\n${code}\n})(${whole})`
    })
    const imports = "import { Sluice, SluiceError } from 'sluice/client'\n"
    const client = `const sluice = new Sluice({ baseUrl: '${playground.url}' })\n`
    await checkAndRun(playground, imports + client + functions.join('\n'))
  })
})

/** All that goes to the newsletter fails: there are failures to look at, and then its gate is closed. */
const SYSTEMS = {
  shop: { kind: 'simulated', success_rate: 1 },
  crm: { kind: 'simulated', success_rate: 1 },
  newsletter: {
    kind: 'simulated',
    success_rate: 0,
    retry: { attempts: 1 },
    breaker: { minimum: 5, cooldown: '1h' },
  },
}
