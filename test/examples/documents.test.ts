/** Every example in the documents: shell is run as it stands, and all else is known to another test. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ROOT } from '../structure/sources.ts'
import { DOCUMENTS } from '../support/documents.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { type Fence, fencesIn } from './fences.ts'
import { openPlayground, type PlaygroundOptions } from './playground.ts'

/** Which test answers for what is in fences of a language, beside shell; it names the document. */
const CHECKED: Readonly<Record<string, string>> = {
  'README.md json': 'test/examples/documents.test.ts',
  'README.md yaml': 'test/structure/documents.test.ts',
  'README.md ts': 'test/examples/typescript.test.ts',
  'docs/callbacks.md js': 'test/examples/callbacks-page.test.ts',
  'docs/callbacks.md json': 'test/examples/callbacks-page.test.ts',
  'docs/requests.md json': 'test/structure/documents.test.ts',
  'docs/client.md ts': 'test/examples/typescript.test.ts',
  'docs/http.md yaml': 'test/deliver/http-config.test.ts',
  'docs/ingest.md json': 'test/structure/documents.test.ts',
  'docs/ingest.md ndjson': 'test/structure/documents.test.ts',
  'docs/ingest.md csv': 'test/structure/documents.test.ts',
  'docs/kinds.md yaml': 'test/examples/kinds-page.test.ts',
  'docs/kinds.md ts': 'test/examples/kinds-page.test.ts',
  'docs/rehearsal.md yaml': 'test/examples/rehearsal-page.test.ts',
  'docs/rehearsal.md json': 'test/examples/rehearsal-page.test.ts',
  'docs/limits-and-gates.md yaml': 'test/structure/documents.test.ts',
  'docs/limits-and-gates.md json': 'test/structure/documents.test.ts',
  'docs/results.md csv': 'test/structure/documents.test.ts',
  'docs/results.md js': 'test/examples/browser.test.ts',
  'docs/results.md json': 'test/structure/documents.test.ts',
  'docs/transformations.md json': 'test/deliver/transform-examples.test.ts',
}

/** What nobody runs: pictures, and what programs have shown. */
const NOT_CODE = ['', 'mermaid']

/** Commands that are not run again here, and why. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'npm ci': 'brings what this very test runs with; `.ci/run` begins with it',
  'npm test': 'is what runs this very test',
  'npm run check': '`.ci/run` runs it before the tests',
  'npm run format': 'changes the checkout; `npm run check` fails where it would',
}

/** What does not end with 0, and why that is as it should be. */
const EXPECTED = [
  // Nothing is wrong with the system of the example, and Sluice says so.
  /^\d+: npm run sluice -- systems \S+ --resume/,
  /^22: curl -X POST .+\/systems\/crm\/resume/,
  // A part of the request fails, and the exit code says so: there is something to mend.
  /^1: id=\$\(sluice submit examples\/sample\.json --wait\)/,
]

let postgres: PostgresServer

beforeAll(async () => {
  postgres = await startPostgres()
}, 60_000)

afterAll(() => postgres.stop())

async function surroundings(document: string): Promise<PlaygroundOptions> {
  // Something fails there, to be mended.
  if (document === 'docs/results.md')
    return { env: { SLUICE_SYSTEMS_FILE: 'examples/systems.yaml' } }
  const reliable = { env: { SLUICE_SIMULATED_SUCCESS_RATE: '1' } }
  if (document !== 'docs/scaling.md') return reliable
  const client = new pg.Client(postgres.url)
  await client.connect()
  await client.query('CREATE DATABASE moved')
  await client.end()
  return { databases: [postgres.url.replace(/postgres$/, 'moved')], isStopped: true }
}

describe.each(DOCUMENTS)('%s', (document) => {
  const fences = fencesIn(document)
  const shell = fences.filter(({ language, notRun }) => language === 'sh' && notRun === null)

  test('has no example that nobody checks', () => {
    const other = fences.filter(({ language }) => language !== 'sh' && !NOT_CODE.includes(language))
    for (const { language } of other) {
      const checker = CHECKED[`${document} ${language}`]
      expect(checker, `${document} ${language}`).toBeDefined()
      expect(readFileSync(join(ROOT, checker ?? ''), 'utf8')).toContain(document)
    }
  })

  test.skipIf(shell.length === 0)(
    shell.length === 0 ? 'has no shell to run' : 'shows shell that runs, line by line',
    { timeout: 240_000 },
    async () => {
      await using playground = await openPlayground(await surroundings(document))
      const { complaints, stdout, stderr } = await playground.play(scriptOf(shell))
      const unexpected = complaints.filter((line) => !isExpected(line))
      expect(unexpected, stderr).toEqual([])
      const outputs = stdout.split(MARK)
      for (const [index, { answer }] of shell.entries()) {
        if (answer?.language !== 'json') continue
        expect(fieldsOf(outputs[index] ?? '')).toEqual(fieldsOf(answer.text))
      }
    },
  )
})

test('a fence that is not run says why', () => {
  const silent = DOCUMENTS.flatMap((document) =>
    fencesIn(document).filter(({ notRun }) => notRun !== null && notRun.length < 10),
  )
  expect(silent).toEqual([])
})

const MARK = '--- the next block ---'

/** One script of all the blocks of a document, so that a later one may use what an earlier one set. */
function scriptOf(shell: readonly Fence[]): string {
  return shell
    .flatMap(({ text }) => [...text.trimEnd().split('\n'), `echo '${MARK}'`])
    .filter((line) => !(withoutNote(line) in ELSEWHERE))
    .join('\n')
}

/** Which fields an answer has; what is in them differs from one answer to the next. */
function fieldsOf(answer: string): readonly string[] {
  return [...answer.matchAll(/"(\w+)":/g)].map(([, name = '']) => name)
}

function withoutNote(line: string): string {
  return line.replace(/\s+#.*$/, '').trim()
}

function isExpected(complaint: string): boolean {
  return EXPECTED.some((pattern) => pattern.test(complaint))
}
