/**
 * What the program is like, as opposed to what it does. Each rule is tried on made-up sources too:
 * a rule that catches nothing would look just like a rule that holds.
 */
import { describe, expect, test } from 'vitest'
import { cycles, loadedTooEarly, unfinishedNames, wrongArrows } from './arrows.ts'
import {
  EXCEPTIONS,
  leftovers,
  ownClocks,
  ownEnvironment,
  ownSql,
  ratherLong,
  tooLong,
  undocumented,
  vagueNames,
} from './rules.ts'
import { onlyCode, readSources, type Source } from './sources.ts'

const SOURCES = readSources()

interface Rule {
  readonly check: (sources: readonly Source[]) => readonly string[]
  /** Sources, by path; the rule catches something in each. */
  readonly caught: readonly Readonly<Record<string, string>>[]
  /** Sources, by path, that look alike; the rule lets all of them be. */
  readonly allowed: Readonly<Record<string, string>>
}

const RULES: Readonly<Record<string, Rule>> = {
  'imports go one way': {
    check: wrongArrows,
    caught: [
      { 'core/batch.ts': "import { sleep } from '../lib/clock.ts'" },
      { 'core/batch.ts': "import type { Clock } from '../lib/clock.ts'" },
      { 'core/batch.ts': "import { hash } from 'node:crypto'" },
      { 'lib/clock.ts': "import { readSettings } from '../config/settings.ts'" },
      { 'intake/accept.ts': "import { StoreUnavailable } from '../store/store.ts'" },
      { 'intake/accept.ts': "import { type Store, StoreUnavailable } from '../store/store.ts'" },
      { 'http/server.ts': "import type { Dispatcher } from '../dispatch/dispatcher.ts'" },
      { 'http/server.ts': "export { openSqliteStore } from '../store/sqlite/store.ts'" },
      { 'http/server.ts': "const store = await import('../store/sqlite/store.ts')" },
      { 'dispatch/dispatcher.ts': "import { prepare } from '../store/sqlite/database.ts'" },
      { 'dispatch/dispatcher.ts': "import {\n  deliverer,\n} from '../deliver/deliver.ts'" },
      { 'dispatch/dispatcher.ts': "import { Pool } from 'undici'" },
      { 'deliver/deliver.ts': "import type { Store } from '../store/store.ts'" },
      { 'client/index.ts': "import { processed } from '../core/request.ts'" },
      { 'client/index.ts': "import 'node:http'" },
      { 'cli/serve.ts': "import { openSqliteStore } from '../store/sqlite/store.ts'" },
      { 'app.ts': "import { connect } from './cli/address.ts'" },
      { 'http/server.ts': "import type { App } from '../app.ts'" },
      { 'http/routes/ingest.ts': "import { DatabaseSync } from 'node:sqlite'" },
      { 'intake/parse.ts': "import swagger from '@fastify/swagger'" },
    ],
    allowed: {
      'lib/clock.ts': "import type { EpochMs } from '../core/units.ts'",
      'intake/accept.ts': "import type { IntakeStore } from '../store/store.ts'",
      'intake/batches.ts': "import { type NewBatch } from '../store/store.ts'",
      'dispatch/settler.ts': "import { StoreUnavailable } from '../store/store.ts'",
      'dispatch/lane.ts': "// import { Pool } from 'undici'",
      'http/server.ts':
        "import { accept } from '../intake/accept.ts'\nimport fastify from 'fastify'",
      'app.ts': "import { openSqliteStore } from './store/sqlite/store.ts'",
      'cli/start.ts': "const { startApp } = await import('../app.ts')",
    },
  },
  'our own files are imported by their whole name': {
    check: unfinishedNames,
    caught: [
      { 'core/batch.ts': "import type { EpochMs } from './units'" },
      { 'core/batch.ts': "import type { EpochMs } from './units.js'" },
    ],
    allowed: { 'core/batch.ts': "import type { EpochMs } from './units.ts'" },
  },
  'what starts the program loads no TypeScript before there is a cache': {
    check: loadedTooEarly,
    caught: [{ 'cli/main.js': "import { runCommandLine } from './command-line.ts'" }],
    allowed: {
      'cli/main.js':
        "import { keepCompiledCode } from '../config/compile-cache.js'\nconst { a } = await import('./a.ts')",
      'cli/command-line.ts': "import { createProgram } from './program.ts'",
    },
  },
  'no files import each other in a circle': {
    check: cycles,
    caught: [
      {
        'core/a.ts': "import { b } from './b.ts'",
        'core/b.ts': "import type { C } from './c.ts'",
        'core/c.ts': "export * from './a.ts'",
      },
      { 'core/a.ts': "import { a } from './a.ts'" },
    ],
    allowed: {
      'core/a.ts': "import { b } from './b.ts'\nimport { c } from './c.ts'",
      'core/b.ts': "import { c } from './c.ts'",
      'core/c.ts': '',
    },
  },
  'clocks and chance come through lib': {
    check: ownClocks,
    caught: [
      { 'dispatch/lane.ts': 'const now = Date.now()' },
      { 'dispatch/lane.ts': 'const now = new Date()' },
      { 'dispatch/lane.ts': 'const now = performance.now()' },
      { 'dispatch/lane.ts': 'setTimeout(() => {}, 5)' },
      { 'dispatch/lane.ts': 'setInterval(() => {}, 5)' },
      { 'dispatch/lane.ts': 'setImmediate(() => {})' },
      { 'dispatch/lane.ts': "import { setTimeout } from 'node:timers/promises'" },
      { 'dispatch/lane.ts': 'const signal = AbortSignal.timeout(5)' },
      { 'core/retry.ts': 'const wait = Math.random() * 5' },
      { 'intake/accept.ts': 'const id = randomUUID()' },
      { 'intake/accept.ts': 'const id = crypto.getRandomValues(new Uint8Array(8))' },
      { 'client/pause.ts': 'const now = Date.now()' },
      { 'observe/log.ts': 'const text = `at $' + '{Date.now()}`' },
    ],
    allowed: {
      'lib/clock.ts': 'const now = Date.now()',
      'client/pause.ts': 'const timer = setTimeout(wake, delayMs)',
      'http/status.ts': 'const text = new Date(moment).toISOString()',
      'core/units.ts': '/** Like `Math.random`. */',
      'core/retry.ts': "const message = 'no Math.random() here'",
    },
  },
  'the environment is read in config': {
    check: ownEnvironment,
    caught: [
      { 'cli/main.js': "const url = process.env['SLUICE_URL']" },
      { 'cli/main.js': 'const { PORT } = process.env' },
    ],
    allowed: {
      'config/environment.ts': 'const { PORT } = process.env',
      'cli/main.js': '/** What `process.env` says. */',
    },
  },
  'SQL is spoken in store': {
    check: ownSql,
    caught: [
      { 'dispatch/claimer.ts': "const sql = 'SELECT id FROM batches'" },
      { 'http/status.ts': 'const sql = `UPDATE requests SET state = 1`' },
      { 'deliver/kinds/postgres/pool.ts': "const sql = 'SELECT id FROM batches'" },
      { 'app.ts': "database.exec('PRAGMA user_version')" },
      { 'app.ts': "database.exec('INSERT OR REPLACE INTO keys VALUES (1)')" },
      { 'app.ts': "database.exec('DELETE FROM keys')" },
    ],
    allowed: {
      'store/sqlite/claim.ts': "const sql = 'SELECT id FROM batches'",
      'deliver/kinds/postgres/statements.ts': "const sql = 'SELECT id FROM contacts'",
      'http/status.ts': "// SELECT id FROM batches\nconst text = 'select one from the list'",
    },
  },
  'a file can be read in one sitting': {
    check: tooLong,
    caught: [{ 'core/batch.ts': 'const line = 1\n'.repeat(401) }],
    allowed: { 'core/batch.ts': 'const line = 1\n'.repeat(400) },
  },
  'an exported function or class says what it promises': {
    check: undocumented,
    caught: [
      { 'core/batch.ts': 'export function batchSize() {}' },
      { 'core/batch.ts': '/** Of something else. */\n\nexport class Batch {}' },
      { 'core/batch.ts': '// Not this way.\nexport async function batchSize() {}' },
    ],
    allowed: {
      'core/batch.ts': '/** How many. */\nexport function batchSize() {}\nfunction inner() {}',
    },
  },
  'names say something': {
    check: vagueNames,
    caught: [
      { 'core/batch.ts': 'class BatchManager {}' },
      { 'core/batch.ts': 'const batchUtils = {}' },
      { 'core/batch.ts': 'interface StoreImpl {}' },
      { 'core/helpers.ts': '' },
      { 'utils/batch.ts': '' },
    ],
    allowed: { 'core/batch.ts': "class Simple {}\nconst text = 'class Manager'" },
  },
  'nothing is left for later': {
    check: leftovers,
    caught: [{ 'core/batch.ts': '// TODO: make it so' }, { 'core/batch.ts': '/** FIXME */' }],
    allowed: { 'core/batch.ts': 'const mastodon = 1' },
  },
}

describe.each(Object.entries(RULES))('%s', (_, { check, caught, allowed }) => {
  test('in all of src', () => {
    expect(check(SOURCES)).toEqual([])
  })

  test.each(caught.map((planted) => [excerpt(planted), planted] as const))(
    'and not in %s',
    (_, planted) => {
      expect(check(asSources(planted))).not.toEqual([])
    },
  )

  test('and what only looks like it is let be', () => {
    expect(check(asSources(allowed))).toEqual([])
  })
})

function asSources(texts: Readonly<Record<string, string>>): readonly Source[] {
  return Object.entries(texts).map(([path, text]) => ({ path, text }))
}

/** Enough of planted sources to know them by. */
function excerpt(texts: Readonly<Record<string, string>>): string {
  return JSON.stringify(texts).slice(0, 120)
}

test('the rules look at the whole program', () => {
  const paths = SOURCES.map(({ path }) => path)
  expect(paths).toEqual(expect.arrayContaining(['app.ts', 'core/rank.ts', 'http/routes/ingest.ts']))
})

test.each(Object.entries(EXCEPTIONS))('the exception for %s is still needed', (path, [what]) => {
  const source = SOURCES.find((candidate) => candidate.path === path)
  expect(onlyCode(source?.text ?? '')).toContain(what)
})

test('files that are long are named, so that nobody is surprised', () => {
  const long = ratherLong(SOURCES)
  if (long.length > 0) console.warn(`Longer than they had better be:\n  ${long.join('\n  ')}`)
  expect(long.length).toBeLessThan(SOURCES.length / 10)
})
