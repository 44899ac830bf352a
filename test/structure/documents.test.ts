/** The documents say what is so: whatever in them can be checked against the program is. */
import { existsSync, readdirSync } from 'node:fs'
import { STATUS_CODES } from 'node:http'
import { dirname, join } from 'node:path'
import { parse as parseCsv } from 'csv-parse/sync'
import { describe, expect, test } from 'vitest'
import { createProgram } from '../../src/cli/program.ts'
import { describeSettings } from '../../src/config/settings.ts'
import { readSystems } from '../../src/config/systems.ts'
import { SETTINGS } from '../../src/config/table.ts'
import { EXPIRED } from '../../src/core/closed.ts'
import { FAILURE_GROUPS_MAX, REST_CODE } from '../../src/core/failures.ts'
import { http } from '../../src/deliver/kinds/http.ts'
import { simulated } from '../../src/deliver/kinds/simulated.ts'
import { positionIn } from '../../src/http/cursor.ts'
import { IngestQuery } from '../../src/http/ingest-schema.ts'
import { MEDIA_TYPES } from '../../src/http/negotiation.ts'
import { csv, intakeCsv } from '../../src/http/results/csv.ts'
import { retryFilterIn } from '../../src/http/retry-filter.ts'
import { changeIn } from '../../src/http/system-change.ts'
import { parse } from '../../src/intake/parse.ts'
import { line, received } from '../intake/stage.ts'
import { DOCUMENTS, readDocument as read } from '../support/documents.ts'
import { ROOT } from './sources.ts'

/** Every command of the command line. */
const COMMANDS = new Set(createProgram().commands.map((command) => command.name()))

/** What the fences of one kind hold. */
function fenced(markdown: string, kind: string): readonly string[] {
  const fence = new RegExp(`^\`\`\`${kind}\\n([\\s\\S]*?)^\`\`\`$`, 'gm')
  return [...markdown.matchAll(fence)].map(([, text = '']) => text)
}

/** Every first group of `pattern`. */
function all(text: string, pattern: RegExp): readonly string[] {
  return [...text.matchAll(pattern)].map(([, found = '']) => found)
}

describe.each(DOCUMENTS)('%s', (path) => {
  const text = read(path)

  test('links only to what is there', () => {
    const links = all(text, /\]\((?!https?:|#)([^)#]+)/g)
    expect(links.filter((link) => !existsSync(join(ROOT, dirname(path), link)))).toEqual([])
  })

  test('names only files that are there', () => {
    const files = all(text, /`((?:src|test|docs|bench|examples)\/[\w./-]*)`/g)
    expect(files.filter((file) => !existsSync(join(ROOT, file)))).toEqual([])
  })

  test('names only scripts and commands that there are', () => {
    const { scripts }: { scripts: Record<string, string> } = JSON.parse(read('package.json'))
    const known = new Set([...Object.keys(scripts), 'ci'])
    expect(all(text, /\bnpm run (?:-s )?([\w-]+)/g).filter((name) => !known.has(name))).toEqual([])
    const commands = all(text, /(?:\bsluice --|`sluice) ([a-z]+)\b/g)
    expect(commands.filter((name) => !COMMANDS.has(name))).toEqual([])
  })

  test('tells what a system answered in the words that messages have', () => {
    const answered = [...text.matchAll(/\bAnswered (\d{3}) ([\w ]+)\./g)]
    for (const [, status = '', reason] of answered) expect(reason).toBe(STATUS_CODES[status])
  })

  test('names only settings that there are', () => {
    const known = new Set([...Object.values(SETTINGS).map(({ env }) => env), 'SLUICE_URL'])
    const named = all(text, /\b(SLUICE_[A-Z_]+[A-Z])\b/g)
    expect(named.filter((name) => !known.has(name))).toEqual([])
  })
})

test('decisions are numbered one after another', () => {
  const files = readdirSync(join(ROOT, 'docs/adr')).toSorted()
  const numbers = files.map((_, index) => String(index + 1).padStart(4, '0'))
  expect(files.map((file) => file.slice(0, 4))).toEqual(numbers)
  const titles = files.map((file) => read(`docs/adr/${file}`).slice(0, '# 0000.'.length))
  expect(titles).toEqual(numbers.map((number) => `# ${number}.`))
})

describe('README.md', () => {
  const text = read('README.md')

  test('shows a request that is taken', async () => {
    const [body] = all(text, /-d '\s*(\{[\s\S]*?\})'/g)
    const rules = {
      systems: { mode: 'demo' as const, has: () => true, reads: () => false, names: [] },
      callbacks: { areSigned: false, addressFault: () => null },
      ...{ mappingsMax: 10, now: 0, onInvalid: 'refuse' as const },
    }
    expect(await parse(Buffer.from(body ?? ''), rules)).toMatchObject({ kind: 'parsed' })
  })

  test('shows answers that are JSON', () => {
    const answers = fenced(text, 'json')
    expect(answers).toHaveLength(3)
    for (const answer of answers) expect(() => JSON.parse(answer)).not.toThrow()
  })

  test('shows a systems file that is read without a problem', () => {
    const [file = ''] = fenced(text, 'yaml')
    const result = readSystems({
      text: file,
      fileName: 'systems.yaml',
      kinds: [http('sluice'), simulated({ latency: 0, successRate: 1 })],
      concurrency: 1,
      env: { CRM_TOKEN: 'token' },
      readFile: () => '',
    })
    expect(result).toMatchObject({ ok: true, systems: [{ kind: 'http' }, { kind: 'simulated' }] })
  })
})

describe('docs/ingest.md', () => {
  const text = read('docs/ingest.md')

  test.each(['ndjson', 'csv'] as const)('shows a body of %s that is taken', async (format) => {
    const [body = ''] = fenced(text, format)
    expect(await received(body, { format })).toMatchObject({ kind: 'accepted', total: 2 })
  })

  test('shows what is told of bad mappings', async () => {
    const [answer = ''] = fenced(text, 'json')
    const body = [0, 1, 2, 3, 4, 5, 6, 7, 2].map((name, ordinal) => {
      return line(name, ordinal === 3 ? { target: undefined } : {})
    })
    const refusal = await received(body.join('\n'))
    if (refusal.kind !== 'refused') throw new Error('it was taken')
    expect(JSON.parse(answer).errors).toEqual(refusal.problems)
  })

  test('names every option and every media type that there is', () => {
    for (const type of Object.values(MEDIA_TYPES).flat()) expect(text).toContain(`\`${type}\``)
    for (const option of Object.keys(IngestQuery.properties)) expect(text).toContain(option)
  })
})

describe('docs/limits-and-gates.md', () => {
  const text = read('docs/limits-and-gates.md')

  test('shows a systems file that is read without a problem', () => {
    const [file = ''] = fenced(text, 'yaml')
    const kinds = [http('sluice')]
    const surroundings = { env: {}, readFile: () => '' }
    const source = { text: file, fileName: 'systems.yaml', kinds, concurrency: 1, ...surroundings }
    expect(readSystems(source)).toMatchObject({
      ok: true,
      systems: [
        { limits: { concurrency: 20, rate: [{ burst: 10 }, { count: 5000 }] } },
        { limits: { concurrency: 100, adaptiveFrom: 2 }, breaker: { minimum: 20 } },
      ],
    })
  })

  test('shows changes that are taken, and a status that is JSON', () => {
    const changes = all(text, /-d '(\{.*\})'/g)
    expect(changes).toHaveLength(2)
    for (const change of changes) expect(changeIn(Buffer.from(change)).kind).toBe('change')
    for (const answer of fenced(text, 'json')) expect(() => JSON.parse(answer)).not.toThrow()
  })
})

describe('docs/results.md', () => {
  const text = read('docs/results.md')
  const [RESULTS = '', FAILED = ''] = fenced(text, 'csv')

  test('shows the columns that results have', () => {
    expect(RESULTS.split('\n')[0]).toBe(csv.head.trimEnd())
    const records: string[][] = parseCsv(RESULTS)
    expect(records.map(({ length }) => length)).toEqual([11, 11, 11])
    const columns = { hasTransformations: false, data: ['email'] }
    expect(FAILED.split('\n')[0]).toBe(intakeCsv(columns).head.trimEnd())
    expect(parseCsv(FAILED)).toHaveLength(2)
  })

  test('shows a failed mapping that can be handed in again', async () => {
    const [line = ''] = fenced(text, 'json')
    const { error, ...mapping } = JSON.parse(line)
    expect(error).toHaveProperty('code', 'target_rejected')
    const rules = {
      systems: { mode: 'demo' as const, has: () => true, reads: () => false, names: [] },
      callbacks: { areSigned: false, addressFault: () => null },
      ...{ mappingsMax: 1, now: 0, onInvalid: 'refuse' as const },
    }
    const body = Buffer.from(JSON.stringify({ mappings: [mapping] }))
    expect(await parse(body, rules)).toMatchObject({ kind: 'parsed' })
  })

  test('shows event ids that stand for what it says', () => {
    const ids = all(text, /^id: (\S+)$/gm)
    const request = '01a20ab2-0030-7a50-850c-033c409a1743'
    expect(ids.map((id) => positionIn(id, ['events', request]))).toEqual(['75', 'end'])
  })
})

describe('docs/requests.md', () => {
  const text = read('docs/requests.md')

  test('shows a retry that is taken, and answers that are JSON', () => {
    const bodies = all(text, /-d '(\{.*\})'/g)
    expect(bodies).toHaveLength(1)
    for (const body of bodies) expect(retryFilterIn(Buffer.from(body)).kind).toBe('filter')
    const answers = fenced(text, 'json')
    expect(answers).toHaveLength(3)
    for (const answer of answers) expect(() => JSON.parse(answer)).not.toThrow()
  })

  test('names the number of groups, and the codes that there are', () => {
    expect(text).toContain(`has ${FAILURE_GROUPS_MAX.toLocaleString('en')} groups at most`)
    expect(text).toContain(`with the code \`${REST_CODE}\``)
    expect(text).toContain(`the code \`${EXPIRED.code}\``)
  })
})

/** `docs/settings.md`, whole. `npx vitest run test/structure -u` writes it. */
function settingsPage(): string {
  const rows = describeSettings({}, {}).map(({ env, flag, default: fallback, doc }) => {
    const must = Object.values(SETTINGS).find((setting) => setting.env === env)?.must
    return `| \`${env}\` | \`${flag}\` | ${fallback ?? 'unset'} | ${must} | ${doc} |`
  })
  return `# Settings

<!-- Written from src/config/table.ts by \`npx vitest run test/structure -u\`; do not edit. -->

Each setting is read from its environment variable. \`sluice serve\` and \`sluice config\` also take it as a flag,
which overrides the variable. If any settings are wrong, all problems are reported at once, and Sluice does not
start; an unknown variable that begins with \`SLUICE_\` is a problem, too. \`npm run sluice -- config\` shows the
value of every setting, and where it comes from.

| variable | flag | default | must be | what it does |
| --- | --- | --- | --- | --- |
${rows.join('\n')}

Commands that talk to a running service find it at \`--url\`, or at \`SLUICE_URL\`; the default is
http://localhost:8000.
`
}

test('docs/settings.md is what the table of settings says', async () => {
  await expect(settingsPage()).toMatchFileSnapshot(join(ROOT, 'docs/settings.md'))
})

test('docs/operations.md explains every event, at its level, and no other', () => {
  const events = all(read('src/observe/events.ts'), /readonly event: '(\w+)'/g)
  const levels = all(read('src/observe/log.ts'), /^ {2}(\w+: '\w+'),$/gm)
  const explained = [
    ...read('docs/operations.md').matchAll(/^\| `(\w+)` \| (\w+) \| ([^|]*\S) \|/gm),
  ]
  expect(explained.map(([, event]) => event).sort()).toEqual([...events].sort())
  expect(explained.map(([, event, level]) => `${event}: '${level}'`).sort()).toEqual(
    [...levels].sort(),
  )
})

test('docs/adr/0001-libraries.md has a line for every library', () => {
  type Packages = Readonly<Record<string, string>>
  const { dependencies, devDependencies }: Record<string, Packages> = JSON.parse(
    read('package.json'),
  )
  const text = read('docs/adr/0001-libraries.md')
  const names = Object.keys({ ...dependencies, ...devDependencies })
    .filter((name) => !name.startsWith('@types/'))
    .map((name) => name.split('/').at(-1) ?? name)
  expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(text))).toEqual([])
})

describe.each(readdirSync(join(ROOT, 'docs/adr')))('docs/adr/%s', (name) => {
  const text = read(`docs/adr/${name}`)

  test('is numbered as it is called, short, and in the usual form', () => {
    const [number = ''] = name.split('-')
    expect(text).toMatch(new RegExp(`^# ${number}\\. `))
    expect(all(text, /^## (.+)$/gm)).toEqual(['Context', 'Decision', 'Consequences'])
    expect(text.split('\n').length).toBeLessThan(60)
  })
})
