import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { StoreBroken } from '../../src/store/sqlite/fault.ts'
import { groupCommit } from '../../src/store/sqlite/group.ts'
import { StoreUnavailable } from '../../src/store/store.ts'
import { temporaryDirectory } from '../support/process.ts'

let path: string
let database: DatabaseSync

beforeEach(async () => {
  path = join(await temporaryDirectory(), 'group.db')
  database = open()
  database.exec('CREATE TABLE notes (text TEXT NOT NULL)')
})

describe('a group of calls', () => {
  test('is one transaction: nothing is seen of it before all of it is there', () => {
    const other = open()
    const seen: unknown[] = []
    const outcomes = groupCommit(database)([
      () => note('first'),
      () => seen.push(...notes(other)),
      () => note('second'),
    ])
    expect(outcomes.map(({ ok }) => ok)).toEqual([true, true, true])
    expect(seen).toEqual([])
    expect(notes(other)).toEqual(['first', 'second'])
  })

  test('gives each call its own answer', () => {
    expect(groupCommit(database)([() => 1, () => 2])).toEqual([
      { ok: true, value: 1 },
      { ok: true, value: 2 },
    ])
  })

  test('leaves the neighbours of a call that fails alone, and nothing of the call itself', () => {
    const bug = new Error('a bug')
    const [first, second, third] = groupCommit(database)([
      () => note('first'),
      () => {
        note('half of the second')
        throw bug
      },
      () => note('third'),
    ])
    expect(first).toMatchObject({ ok: true })
    expect(second).toEqual({ ok: false, error: bug })
    expect(third).toMatchObject({ ok: true })
    expect(notes(open())).toEqual(['first', 'third'])
  })

  test('is unavailable as a whole when another process is writing, and works afterwards', () => {
    const other = open()
    other.exec('BEGIN IMMEDIATE')
    expectUnavailable()
    other.exec('ROLLBACK')
    expectWorking()
  })

  test('is unavailable as a whole when the commit fails, and works afterwards', () => {
    const other = open()
    // Without a write-ahead log, whoever reads holds up the commit.
    other.exec('BEGIN; SELECT * FROM notes')
    other.prepare('SELECT count(*) FROM notes').get()
    expectUnavailable()
    other.exec('ROLLBACK')
    expectWorking()
  })

  test('is unavailable as a whole when the disk is full, and works when there is room', () => {
    const pages = Number(database.prepare('PRAGMA page_count').get()?.['page_count'])
    database.exec(`PRAGMA max_page_count = ${pages}`)
    expectUnavailable('x'.repeat(100_000))
    database.exec('PRAGMA max_page_count = 1000000')
    expectWorking()
  })
  test.each([
    ['a read that failed', 522],
    ['an fsync that failed', 1034],
    ['a damaged page', 11],
    ['a file that is no database', 26],
  ])('is given no answer when SQLite tells of %s: the store is broken', (_, errcode) => {
    const run = groupCommit(database)
    expect(() => run([() => note('first'), () => fail(errcode)])).toThrow(StoreBroken)
    expect(notes(open())).toEqual([])
  })

  test.each([
    ['a full disk', 13],
    ['a disk too full for the index of the log', 4874],
    ['another that writes', 5],
  ])('is unavailable when SQLite tells of %s', (_, errcode) => {
    expect(groupCommit(database)([() => fail(errcode)])).toMatchObject([
      { ok: false, error: expect.any(StoreUnavailable) },
    ])
    expectWorking()
  })
})

/** Throws as SQLite does. */
function fail(errcode: number): never {
  throw Object.assign(new Error('it failed'), { code: 'ERR_SQLITE_ERROR', errcode })
}

function expectUnavailable(large = ''): void {
  const outcomes = groupCommit(database)([() => note('first'), () => note(`second ${large}`)])
  expect(outcomes).toHaveLength(2)
  for (const outcome of outcomes) {
    expect(outcome).toMatchObject({ ok: false, error: expect.any(StoreUnavailable) })
  }
  expect(database.isTransaction).toBe(false)
}

function expectWorking(): void {
  expect(groupCommit(database)([() => note('third')])).toMatchObject([{ ok: true }])
  expect(notes(open())).toEqual(['third'])
}

/** A connection that gives up at once, closed when the test is over. */
function open(): DatabaseSync {
  const opened = new DatabaseSync(path, { timeout: 0 })
  onTestFinished(() => opened.close())
  return opened
}

function note(text: string) {
  return database.prepare('INSERT INTO notes VALUES (?)').run(text).changes
}

function notes(from: DatabaseSync): readonly unknown[] {
  return from
    .prepare('SELECT text FROM notes')
    .all()
    .map(({ text }) => text)
}
